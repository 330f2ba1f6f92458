/**
 * The ingest workers as two steps: their listeners stand before anything else is there, so that whoever connects waits
 * instead of being refused; they read when the journal can take what they read. Owns the way of a ring to the journal
 * thread and what /readyz of the ingest port says.
 */
import { listenText } from '@metricstream/shared/config/listen.ts';
import type { Step } from '@metricstream/shared/lifecycle.ts';
import { openDecisionsView } from '../admin/decisions.ts';
import { collectorStatus } from '../admin/status.ts';
import { createAddresses } from '../admission/addresses.ts';
import { openClientTable } from '../admission/client-table.ts';
import { ingestSettings } from '../ingest/settings.ts';
import { startIngestWorkers } from '../ingest/start.ts';
import { type Parts, type StepContext, statusParts } from './parts.ts';

/** How long clients may take to send the rest of a request and to read their answers when the program stops. */
const INGEST_DRAIN_MS = 4000;
/** How old the answer of /readyz may be on the ingest port. */
const READY_EVERY_MS = 250;

export function ingestSteps(context: StepContext): { listeners: Step; ingest: Step } {
  const { config, parts, clientTable, log } = context;
  const ready = new SharedArrayBuffer(4);
  // Rings of workers that stand before the journal does.
  const waiting: SharedArrayBuffer[] = [];
  let addRing = (ring: SharedArrayBuffer): void => void waiting.push(ring);
  let publishing: NodeJS.Timeout | undefined;
  const listeners: Step = {
    name: 'listeners',
    async start() {
      const { door } = parts;
      const addresses = createAddresses(config.workers);
      const { doorbell } = context;
      const common = { clientTable, addresses, ready, doorbell, tokens: door?.tokens ?? [], tls: door?.tls };
      parts.workers = await startIngestWorkers(ingestSettings(config, common), (ring) => addRing(ring), log);
      door?.attach(parts.workers);
    },
    // Those that were opened have left already.
    stop: () => parts.workers?.stop(0),
  };
  const ingest: Step = {
    name: 'ingest',
    start() {
      const { journal, workers } = parts;
      if (!journal || !workers) return;
      addRing = journal.addRing;
      for (const ring of waiting.splice(0)) addRing(ring);
      parts.phase = 'running';
      parts.decisions = openDecisionsView(workers.decisions, openClientTable(clientTable));
      publishReady(parts, ready);
      publishing = setInterval(() => publishReady(parts, ready), READY_EVERY_MS).unref();
      workers.tell({ message: 'open' });
      log.info('listening', { address: listenText({ host: config.listen.host, port: workers.port }) });
    },
    async stop() {
      parts.phase = 'stopping';
      clearInterval(publishing);
      publishReady(parts, ready);
      parts.decisions?.close();
      await parts.workers?.stop(INGEST_DRAIN_MS);
    },
  };
  return { listeners, ingest };
}

/** For /readyz of the ingest port, which workers answer by themselves. */
function publishReady(parts: Parts, ready: SharedArrayBuffer): void {
  const status = statusParts(parts);
  Atomics.store(new Int32Array(ready), 0, status !== undefined && collectorStatus(status).ready ? 1 : 0);
}
