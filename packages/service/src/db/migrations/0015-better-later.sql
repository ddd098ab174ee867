-- compatible: two indexes and a column that the database itself fills
-- What is made when there is time, and what an image laid over others leaves behind when it is deleted.

-- A tenant's jobs for which nobody waits: counted before another is ordered by URL.
CREATE INDEX jobs_batch ON jobs (tenant_id, job_id) WHERE lane = 'batch' AND state <> 'dead';

-- The image that a rendition lays over its picture. Of the transformation itself, so that whichever build orders a
-- rendition names it; a column, because a function of another one would lose its index under row security.
ALTER TABLE renditions ADD mark_image_id text COLLATE "C"
  GENERATED ALWAYS AS (substring(transformation FROM '(?:^|&)mark=([^&]*)')) STORED;
CREATE INDEX renditions_by_mark ON renditions (tenant_id, mark_image_id) WHERE mark_image_id IS NOT NULL;
