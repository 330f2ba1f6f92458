/** Batches of the real agent: its samplers on this host, its batcher, its encoder. Sweeps are stamped as a test wants them. */
import { createBatcher } from '../../packages/agent/src/batcher.ts';
import { createSamplers, SAMPLER_DEFAULTS } from '../../packages/agent/src/samplers/index.ts';
import { createSweeper } from '../../packages/agent/src/samplers/run-samplers.ts';
import { createSeriesSetCache, readBatch, type ReadBatch } from '@metricstream/proto/read.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { randomBytes } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cacheDir } from '../services/cache.ts';

/** The kernel counts CPU time in ticks of 10 ms. */
const PAUSE_MS = 200;

export interface AgentDataOptions {
  host: string;
  datacenter: string;
  /** When the last sweep is said to have been, and how far apart they are. */
  lastUnixMs: number;
  everyMs: number;
  sweeps: number;
}

export async function agentBatches(options: AgentDataOptions): Promise<ReadBatch[]> {
  const { host, datacenter, lastUnixMs, everyMs, sweeps } = options;
  const bodies: Uint8Array[] = [];
  const batcher = createBatcher({
    clientId: host,
    agentVersion: '1.0.0',
    configHash: 0n,
    resource: [
      ['datacenter', datacenter],
      ['host', host],
    ],
    sweepsPerBatch: 1,
    spool: {
      epoch: 1,
      dropped: { add: () => undefined, carriedBy: () => [] } as never,
      append({ body }) {
        bodies.push(Uint8Array.from(body));
        return { ok: true } as never;
      },
    },
    log: silentLog,
  });
  const { processes } = SAMPLER_DEFAULTS.groups;
  // Every sweep has everything.
  const groups = { ...SAMPLER_DEFAULTS.groups, processes: { ...processes, intervalMs: 0 } };
  const sweeper = createSweeper({ samplers: createSamplers({ source: 'auto', groups }), timeoutMs: 5000 });
  // The first one has nothing to compare with.
  await sweeper.sweep();
  for (let at = sweeps - 1; at >= 0; at--) {
    await delay(PAUSE_MS);
    await writeToDisk();
    const sweep = await sweeper.sweep();
    batcher.add({ ...sweep, timeUnixNano: BigInt(lastUnixMs - at * everyMs) * 1_000_000n });
  }
  sweeper.close();
  const cache = createSeriesSetCache({ clientsMax: 10 });
  return bodies.map((body) => readBatch(body, cache));
}

/** A disk that nobody asks for anything has no latency to show. In the checkout, since a temporary directory may be memory. */
async function writeToDisk(): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const path = join(cacheDir, `disk-${process.pid}`);
  const file = await open(path, 'w');
  try {
    await file.write(randomBytes(64 * 1024));
    await file.sync();
  } finally {
    await file.close();
    await rm(path);
  }
}
