/**
 * A collector with nothing in it: takes counts of points at POST /points/N and answers /status. FAKE_LAG is what it finds in its journal at start, and stores when the first points come; FAKE_LOSS_AT_END is what it fails to store.
 */
import { readFileSync } from 'node:fs';
import { configValue, endOnSigterm, log, serveJson } from './program.ts';

const config = readFileSync(process.argv.at(-1) ?? '', 'utf8');
const found = Number(process.env['FAKE_LAG'] ?? 0);
/** What earlier runs have stored: it must not show. */
const storedBefore = 5000;
const lossAtEnd = Number(process.env['FAKE_LOSS_AT_END'] ?? 0);
const startedUnixMs = Date.now();
let durable = 0;

const status = (lost = 0) => ({
  points: { received: durable, durable, duplicate_batches: 0 },
  batches: { accepted: durable / 10, refused: {}, rejected: {} },
  sinks: {
    jsonl: {
      state: Date.now() - startedUnixMs < 200 ? 'starting' : 'idle',
      points_stored: storedBefore + (durable > 0 ? found + durable - lost : 0),
      points_dropped: 0,
      points_dead: 0,
      lag_points: durable > 0 ? 0 : found,
    },
  },
  ready: true,
  reasons: [],
});

const ingest = await serveJson(configValue(config, /^listen: (\S+)/m), (path) => {
  durable += Number(path.split('/').at(-1));
  return {};
});
const admin = await serveJson(configValue(config, /^admin: \{ listen: (\S+)/m), () => status());
endOnSigterm(() => status(lossAtEnd));
log('listening', { address: ingest });
log('admin listening', { address: admin });
