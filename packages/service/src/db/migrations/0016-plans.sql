-- compatible: nothing changes yet
SELECT 1;
