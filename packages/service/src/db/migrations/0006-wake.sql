-- Called once per upload. Its one statement has one way to run, yet a LIMIT by parameter makes PostgreSQL believe that
-- each call's own plan is cheaper than a kept one, and planning took four times as long as running.
ALTER FUNCTION wake_parked_nodes(bigint) SET plan_cache_mode = force_generic_plan;
