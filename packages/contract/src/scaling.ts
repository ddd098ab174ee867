/** Why the fleet should have the size that a decision asks for: a closed set. */
export const SCALING_REASONS = {
  steady: 'As many workers as are needed, within the margins.',
  backlog: 'Up: what waits would not be done within the objective.',
  arrivals: 'Up: what arrives keeps the fleet busier than the policy allows.',
  late: 'Up: jobs wait beyond the objective although the prediction says that the fleet suffices.',
  below_min: 'Up: fewer than the least.',
  surplus: 'Down: fewer suffice, with a margin.',
  cooling_down: 'Fewer would suffice, but the last change is too recent.',
  over_bound: 'Down: a bound lies below what runs.',
  cpu_high: 'Up, of the CPU threshold that `safelight plan` compares with.',
  cpu_low: 'Down, of that threshold.',
  fixed: 'Of the fixed fleet that `safelight plan` compares with.',
} as const;
export type ScalingReason = keyof typeof SCALING_REASONS;

/** Which bounds cut a decision. Where the least and a ceiling contradict each other, the ceiling wins. */
export const SCALING_BOUNDS = {
  min: 'The least number of workers.',
  max: 'The greatest number of workers.',
  cost: 'The ceiling of the cost per hour; draining workers still cost.',
  database_connections: 'The connections that the database has left.',
  queue_claims: 'The jobs that the database can hand out per second: more workers would wait for it.',
} as const;
export type ScalingBound = keyof typeof SCALING_BOUNDS;
