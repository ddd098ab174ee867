import { statement } from '../db/statement.ts';

/** What is known of an original's pyramid, by primary key. */
export const selectPyramid = statement(
  'select_pyramid',
  'SELECT state, object_key FROM pyramids WHERE tenant_id = $1 AND original_id = $2',
);

/**
 * Lets a claimed job make the pyramid if there is none and nobody makes one: whoever did is not at it any more when his
 * claim of his job is over. After $5 tries there is none. Answers nothing where another stands or is under way.
 */
export const claimPyramid = statement(
  'claim_pyramid',
  `INSERT INTO pyramids AS p (tenant_id, original_id, state, job_id, job_token) VALUES ($1, $2, 'making', $3, $4)
   ON CONFLICT (tenant_id, original_id) DO UPDATE SET
     state = CASE WHEN p.tries < $5 THEN 'making' ELSE 'refused' END,
     job_id = CASE WHEN p.tries < $5 THEN excluded.job_id END,
     job_token = CASE WHEN p.tries < $5 THEN excluded.job_token END,
     tries = p.tries + 1
   WHERE p.state = 'making' AND NOT EXISTS (
     SELECT FROM jobs j
     WHERE j.tenant_id = p.tenant_id AND j.job_id = p.job_id AND j.lease_token = p.job_token AND j.state = 'leased'
   )
   RETURNING state`,
);

/** Points the row at the object just stored, if the job is still the one that makes it. */
export const keepPyramid = statement(
  'keep_pyramid',
  `UPDATE pyramids
   SET state = 'ready', job_id = NULL, job_token = NULL, object_key = $5, sha256 = $6, bytes = $7
   WHERE tenant_id = $1 AND original_id = $2 AND state = 'making' AND job_id = $3 AND job_token = $4
   RETURNING original_id`,
);

/** There will be none: it is too long to be kept. */
export const refusePyramid = statement(
  'refuse_pyramid',
  `UPDATE pyramids SET state = 'refused', job_id = NULL, job_token = NULL
   WHERE tenant_id = $1 AND original_id = $2 AND state = 'making' AND job_id = $3 AND job_token = $4`,
);

/** Another may make it, as if nobody had tried. */
export const releasePyramid = statement(
  'release_pyramid',
  `DELETE FROM pyramids
   WHERE tenant_id = $1 AND original_id = $2 AND state = 'making' AND job_id = $3 AND job_token = $4`,
);

/** Its object is not there: the next who wants it makes another. */
export const dropPyramid = statement(
  'drop_pyramid',
  'DELETE FROM pyramids WHERE tenant_id = $1 AND original_id = $2 AND object_key = $3 RETURNING bytes',
);

/** Goes with its original; answers the object that is to be removed after the commit, where there is one. */
export const deletePyramid = statement(
  'delete_pyramid',
  'DELETE FROM pyramids WHERE tenant_id = $1 AND original_id = $2 RETURNING object_key, bytes',
);
