/**
 * A forwarder's pages for operators: /healthz, /readyz, /status, /metrics. Owns which is which: health is that the process
 * answers, ready that it gets messages and gets rid of them.
 */
import type { AdminRoute } from '@metricstream/shared/admin-server.ts';
import type { Metrics } from '@metricstream/shared/metrics.ts';
import { VERSION } from '../version.ts';
import { type ForwardParts, forwardStatus } from './status.ts';
import { createForwardMetrics } from './telemetry.ts';

/** @param parts undefined while starting. */
export function forwardRoutes(parts: () => ForwardParts | undefined): Readonly<Record<string, AdminRoute>> {
  let metrics: Metrics | undefined;
  const status = () => {
    const known = parts();
    return known === undefined ? { ready: false, reasons: ['starting'] } : forwardStatus(known);
  };
  return {
    '/healthz': () => ({ json: { status: 'up' } }),
    '/readyz': () => {
      const { ready, reasons } = status();
      return { status: ready ? 200 : 503, json: { ready, reasons } };
    },
    '/status': () => ({ json: status() }),
    '/metrics': async () => {
      const known = parts();
      if (known === undefined) return { status: 503, text: '# starting\n', contentType: 'text/plain' };
      metrics ??= createForwardMetrics(known, VERSION);
      return { text: await metrics.text(), contentType: metrics.contentType };
    },
  };
}
