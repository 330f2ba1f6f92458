/**
 * The collector's pages for operators: /healthz, /readyz, /status, /metrics, /clients, /decisions. Owns which is which: health is that the
 * process answers, ready that it takes data and gets rid of it.
 */
import type { AdminRoute } from '@metricstream/shared/admin-server.ts';
import type { Metrics } from '@metricstream/shared/metrics.ts';
import { VERSION } from '../version.ts';
import type { DecisionsView } from './decisions.ts';
import type { StatusParts } from './status.ts';
import { collectorStatus } from './status.ts';
import { createCollectorMetrics } from './telemetry.ts';

/** What there is to tell; undefined while starting. */
export interface AdminSources {
  parts(): StatusParts | undefined;
  decisions(): DecisionsView | undefined;
}

export function adminRoutes({ parts, decisions }: AdminSources): Readonly<Record<string, AdminRoute>> {
  let metrics: Metrics | undefined;
  const status = () => {
    const known = parts();
    return known ? collectorStatus(known) : undefined;
  };
  return {
    '/healthz': () => ({ json: { status: 'up' } }),
    '/readyz': () => {
      const { ready, reasons } = status() ?? { ready: false, reasons: ['starting'] };
      return { status: ready ? 200 : 503, json: { ready, reasons } };
    },
    '/status': () => ({ json: status() ?? { ready: false, reasons: ['starting'] } }),
    '/decisions': () => {
      const view = decisions();
      return { json: { refusals: view?.refusals() ?? [], overwritten: view?.overwritten() ?? 0 } };
    },
    '/clients': () => ({ json: decisions()?.clients() ?? [] }),
    '/metrics': async () => {
      const known = parts();
      if (!known) return { status: 503, text: '# starting\n', contentType: 'text/plain' };
      metrics ??= createCollectorMetrics(known, VERSION);
      return { text: await metrics.text(), contentType: metrics.contentType };
    },
  };
}
