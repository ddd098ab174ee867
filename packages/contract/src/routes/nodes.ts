import { z } from 'zod';
import { readHeaders } from './reads.ts';
import { route } from './route.ts';

const PAGE_NODES_MAX = 1_000;

const nodeSchema = z
  .object({
    id: z.string(),
    bootId: z.string().describe('One run of the node; a restart changes it.'),
    state: z
      .enum(['starting', 'up', 'draining', 'gone'])
      .describe('`gone`: no heartbeat for 15 s; what the node held has been given to others.'),
    roles: z.array(z.string()),
    version: z.string(),
    schemaVersion: z.int().describe('Migrations that its build knows; during a rolling upgrade nodes differ.'),
    workerProcesses: z.int(),
    memoryBytes: z.int().describe('Predicted bytes of all jobs that may run on it at once.'),
    host: z.string(),
    address: z.string().optional().describe('Where its API listens; absent without the role `api`.'),
    startedAt: z.iso.datetime(),
    heartbeatAt: z.iso.datetime(),
    silentSeconds: z.number().describe('Since the last heartbeat, by the clock of the database.'),
  })
  .meta({ id: 'Node' });

const nodePageSchema = z
  .object({ nodes: z.array(nodeSchema), next: z.string().optional().describe('Cursor of the next page.') })
  .meta({ id: 'NodePage' });

export const listNodes = route({
  id: 'listNodes',
  method: 'GET',
  path: '/v1/admin/nodes',
  summary: 'The nodes of the installation, in the order of their first start; those that are gone for an hour more.',
  scope: 'admin',
  headers: readHeaders,
  query: z.object({
    limit: z.coerce.number().int().min(1).max(PAGE_NODES_MAX).default(PAGE_NODES_MAX),
    after: z.string().max(64).optional().describe('The cursor `next` of the page before.'),
  }),
  responses: { 200: nodePageSchema },
  errors: ['key_missing', 'key_invalid', 'scope_missing', 'request_invalid', 'database_unavailable'],
});

export type NodePage = z.infer<typeof nodePageSchema>;
