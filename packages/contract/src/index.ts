/** The wire's truth: what service, SDK and console agree on. Imports nothing of Node. */
export * from './errors.ts';
export * from './events.ts';
export * from './explanation.ts';
export * from './iiif.ts';
export * from './resources.ts';
export {
  AUTO_WISHES,
  type AutoWish,
  CLIENT_HINTS,
  type ClientHint,
  DELIVERY_PARAMETERS,
  readSome,
} from './routes/delivery.ts';
export { WAIT_SECONDS_MAX } from './routes/images.ts';
export * from './routes/index.ts';
export type { NodePage } from './routes/nodes.ts';
export type { Purge } from './routes/purge.ts';
export {
  SCALING_REASONS,
  type Scaling,
  type ScalingBound,
  type ScalingMetric,
  type ScalingReason,
} from './routes/scaling.ts';
export { healthSchema, readinessSchema, type Session, sessionSchema } from './routes/system.ts';
export * from './scopes.ts';
export * from './transformation.ts';
