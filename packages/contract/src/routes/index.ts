import { exportAudit, listAudit } from './audit.ts';
import { createDeliveryToken, openDeliveries } from './deliver-access.ts';
import { deliverOpen, deliverPreset, explainRendition } from './delivery.ts';
import { listDomains, putDomain, removeDomain } from './domains.ts';
import { getErasure, listErasures } from './erasures.ts';
import { uploadExercise } from './exercise.ts';
import { iiifBase, iiifImage, iiifInfo } from './iiif.ts';
import { changeImage, createImage, deleteImage, followImage, getImage, listImages, restoreImage } from './images.ts';
import { createKey, listKeys, revokeKey, rotateKey } from './keys.ts';
import { getLimits } from './limits.ts';
import { listNodes } from './nodes.ts';
import { changePerson, invitePerson, listPeople, removePerson } from './people.ts';
import { getPreset, listPresets, putPreset, removePreset } from './presets.ts';
import { purge } from './purge.ts';
import type { RouteContract } from './route.ts';
import { getScaling, getScalingMetric } from './scaling.ts';
import {
  acceptInvitation,
  changePassword,
  endSession,
  finishOidc,
  readSession,
  session,
  startOidc,
  switchSession,
  waysIn,
} from './session.ts';
import { changeSettings, getSettings } from './settings.ts';
import { health, metrics, readiness } from './system.ts';
import {
  changeTenant,
  createTenant,
  deleteTenant,
  getTenant,
  listPlans,
  listTenants,
  putPlan,
  resumeTenant,
  suspendTenant,
} from './tenants.ts';
import {
  appendUpload,
  completeDirectUpload,
  createDirectUpload,
  createUpload,
  createUploadToken,
  endUpload,
  getUpload,
} from './uploads.ts';
import { getBudget, getUsage, listUsageEvents, putBudget } from './usage.ts';
import {
  changeWebhook,
  createWebhook,
  getWebhook,
  listWebhookDeliveries,
  listWebhooks,
  redeliverWebhook,
  removeWebhook,
  rotateWebhookSecret,
  testWebhook,
} from './webhooks.ts';

/** Every operation; the server refuses to start when it serves one that is not here, or lacks one that is. */
export const ROUTES = {
  uploadExercise,
  createImage,
  listImages,
  getImage,
  changeImage,
  deleteImage,
  restoreImage,
  followImage,
  listErasures,
  getErasure,
  createUpload,
  getUpload,
  appendUpload,
  endUpload,
  createUploadToken,
  createDirectUpload,
  completeDirectUpload,
  openDeliveries,
  deliverPreset,
  deliverOpen,
  explainRendition,
  iiifBase,
  iiifInfo,
  iiifImage,
  purge,
  getUsage,
  listUsageEvents,
  getLimits,
  getBudget,
  putBudget,
  listNodes,
  getScaling,
  getScalingMetric,
  createTenant,
  listTenants,
  getTenant,
  changeTenant,
  suspendTenant,
  resumeTenant,
  deleteTenant,
  listPlans,
  putPlan,
  createKey,
  listKeys,
  rotateKey,
  revokeKey,
  session,
  readSession,
  switchSession,
  endSession,
  waysIn,
  changePassword,
  acceptInvitation,
  startOidc,
  finishOidc,
  listPeople,
  invitePerson,
  changePerson,
  removePerson,
  health,
  readiness,
  metrics,
  createWebhook,
  listWebhooks,
  getWebhook,
  changeWebhook,
  removeWebhook,
  rotateWebhookSecret,
  testWebhook,
  listWebhookDeliveries,
  redeliverWebhook,
  listPresets,
  getPreset,
  putPreset,
  removePreset,
  getSettings,
  changeSettings,
  createDeliveryToken,
  listDomains,
  putDomain,
  removeDomain,
  listAudit,
  exportAudit,
} as const satisfies Record<string, RouteContract>;

export type RouteId = keyof typeof ROUTES;
export type { RouteContract } from './route.ts';
