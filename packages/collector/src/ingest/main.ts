/**
 * An ingest worker: listens beside its siblings on one port (SO_REUSEPORT) and writes one ring. Owns its thread's
 * parts and their end, and promises that the ring is closed only after every batch in it has been answered.
 */
import type { MessagePort } from 'node:worker_threads';
import { parentPort, workerData } from 'node:worker_threads';
import { createWalker } from '@metricstream/proto/walk.ts';
import { sleep } from '@metricstream/shared/clock.ts';
import { openCounters } from '@metricstream/shared/counters.ts';
import { messageOf } from '@metricstream/shared/errors.ts';
import { createLog, throttled } from '@metricstream/shared/log.ts';
import { openAddresses } from '../admission/addresses.ts';
import { createAdmission } from '../admission/admission.ts';
import { createAuth } from '../admission/auth.ts';
import { openClientTable } from '../admission/client-table.ts';
import { createLimiter } from '../admission/limits.ts';
import { listen } from '../http/listener.ts';
import type { TlsMaterial } from '../http/tls.ts';
import { createDecisionWriter } from '../rings/decisions.ts';
import { openDoorbell } from '../rings/doorbell.ts';
import { createRingWriter } from '../rings/ring-writer.ts';
import { INGEST_COUNTERS } from './counters.ts';
import { createIngest } from './ingest.ts';
import type { FromIngestWorker, IngestWorkerData, ToIngestWorker } from './messages.ts';
import { clientTableHolder } from './messages.ts';
import { createTransportLog } from './transport-log.ts';
import { createOwnSeqs } from './own-seqs.ts';
import { createRefusals } from './refusals.ts';

const LOG_INTERVAL_MS = 5000;
const GAUGE_MS = 250;

async function run(data: IngestWorkerData, port: MessagePort): Promise<void> {
  const everyLine = createLog({ component: 'collector', ...data.log });
  const log = throttled(everyLine, LOG_INTERVAL_MS);
  const transportLog = createTransportLog(everyLine);
  const counters = openCounters(INGEST_COUNTERS, data.counters);
  const table = openClientTable(data.clientTable, clientTableHolder(data.worker));
  const ring = createRingWriter(data.ring, openDoorbell(data.doorbell));
  const addresses = openAddresses(data.addresses, data.worker, data.addressLimits);
  const auth = createAuth({ mode: data.auth, tokens: data.tokens, addresses, log });
  const ready = new Int32Array(data.ready);
  const ingest = createIngest({
    ring,
    admission: createAdmission(table, createLimiter(table, data.clientLimits), createDecisionWriter(data.decisions)),
    auth,
    log,
    isReady: () => Atomics.load(ready, 0) === 1,
    walk: createWalker(data.wire),
    counters,
    ack: data.ack,
    decompression: { bytesMax: data.wire.batchBytesMax, ratioMax: data.decompressionRatioMax },
    ownSeqs: createOwnSeqs(data.worker),
    refusals: createRefusals({
      client: data.clientLimits,
      unauthenticatedPerSecond: data.addressLimits.unauthenticatedPerSecond,
    }),
    onFault: (error, remote) => log.error('a request failed by a fault of ours, answered 500', { error, remote }),
  });
  const { host, http: limits } = data;
  const listener = await listen({
    host,
    port: data.port,
    reusePort: true,
    held: data.held,
    tls: data.tls,
    limits,
    handler: {
      ...ingest.handler,
      arrived: addresses.arrived,
      gone: addresses.gone,
      malformed(status, reason, remote, detail) {
        ingest.handler.malformed(status, reason, remote);
        transportLog(reason, remote, detail);
      },
    },
  });
  void ingest.answerSettled();
  const gauges = setInterval(() => counters.set('connections', listener.connections()), GAUGE_MS).unref();
  async function stop(drainMs: number): Promise<void> {
    const deadline = AbortSignal.timeout(drainMs);
    await listener.stop({ drainMs });
    while (ingest.holds() > 0 && !deadline.aborted) await sleep(5, deadline);
    ring.close();
    clearInterval(gauges);
    counters.set('connections', 0);
    port.close();
    // The wait for verdicts has no end of its own; with the ring closed and answered there is nothing to wait for.
    process.exit();
  }
  function setTls(tls: TlsMaterial): void {
    try {
      listener.setTls(tls);
    } catch (error) {
      log.error('tls: the new certificate is not used, the last one stays in force', { error });
    }
  }
  port.on('message', (told: ToIngestWorker) => {
    if (told.message === 'stop') void stop(told.drainMs);
    else if (told.message === 'open') listener.release();
    else if (told.message === 'tokens') auth.setTokens(told.tokens);
    else if (told.message === 'tls') setTls(told.tls);
  });
  port.postMessage({ message: 'listening', port: listener.port } satisfies FromIngestWorker);
}

if (parentPort) {
  const port = parentPort;
  run(workerData as IngestWorkerData, port).catch((error: unknown) => {
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    const failure: FromIngestWorker = { message: 'failed', code: taken ? 'port_taken' : 'io', why: messageOf(error) };
    port.postMessage(failure);
    port.close();
  });
}
