import { deliverOpen, deliverPreset, explainRendition } from './delivery.ts';
import { uploadExercise } from './exercise.ts';
import { iiifBase, iiifImage, iiifInfo } from './iiif.ts';
import { createImage, deleteImage, followImage, getImage, listImages } from './images.ts';
import { listNodes } from './nodes.ts';
import { purge } from './purge.ts';
import type { RouteContract } from './route.ts';
import { getScaling, getScalingMetric } from './scaling.ts';
import { health, metrics, readiness, session } from './system.ts';

/** Every operation; the server refuses to start when it serves one that is not here, or lacks one that is. */
export const ROUTES = {
  uploadExercise,
  createImage,
  listImages,
  getImage,
  deleteImage,
  followImage,
  deliverPreset,
  deliverOpen,
  explainRendition,
  iiifBase,
  iiifInfo,
  iiifImage,
  purge,
  listNodes,
  getScaling,
  getScalingMetric,
  session,
  health,
  readiness,
  metrics,
} as const satisfies Record<string, RouteContract>;

export type RouteId = keyof typeof ROUTES;
export type { RouteContract } from './route.ts';
