import { createMetrics } from '../../packages/service/src/telemetry/metrics.ts';
import { code, page, table } from './markdown.ts';

/** Every metric that is ours; those of the process itself depend on the platform. */
export async function renderMetrics(): Promise<string> {
  const { registry, ...ours } = createMetrics();
  const labels = new Map(Object.values(ours).map((metric) => [nameOf(metric), labelsOf(metric)]));
  const rows = (await registry.getMetricsAsJSON())
    .filter(({ name }) => labels.has(name))
    .map(({ name, type, help }) => [code(name), String(type), (labels.get(name) ?? []).map(code).join(', '), help]);
  registry.clear();
  return page(
    'Metrics',
    'packages/service/src/telemetry/metrics.ts',
    '`GET /metrics` answers in the text format of Prometheus. Besides these it tells those of the process: CPU, memory, the event loop and garbage collection, as prom-client names them, after `safelight_`.',
    table(['metric', 'type', 'labels', 'meaning'], rows),
  );
}

// prom-client keeps both on its metrics and declares neither.
function nameOf(metric: object): string {
  return 'name' in metric ? String(metric.name) : '';
}

function labelsOf(metric: object): readonly string[] {
  return 'labelNames' in metric && Array.isArray(metric.labelNames) ? metric.labelNames.map(String) : [];
}
