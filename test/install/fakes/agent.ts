/**
 * An agent that samples ten points every 20 ms and posts their number to the fake collector. FAKE_CRASH_AFTER_MS makes
 * it die by itself with a last word.
 */
import { readFileSync } from 'node:fs';
import { configValue, endOnSigterm, log, serveJson } from './program.ts';

const config = readFileSync(process.argv.at(-1) ?? '', 'utf8');
const url = configValue(config, /url: "(\S+)"/);
let sampled = 0;
let acked = 0;
let underWay: Promise<unknown> = Promise.resolve();

const status = () => ({
  points: { sampled, sent: acked, acked, dropped: {}, in_spool: sampled - acked },
  batches: { acked: acked / 10, refused: 0 },
  ack_ms: { p50: 0.4, p99: 1.25 },
  collector: { url, state: 'up', last_error: null },
});

const admin = await serveJson(configValue(config, /^admin: \{ listen: (\S+)/m), status);
endOnSigterm(async () => {
  clearInterval(timer);
  await underWay;
  return status();
});
log('admin listening', { address: admin });
const timer = setInterval(() => {
  underWay = Promise.all([underWay, send()]);
}, 20);

async function send(): Promise<void> {
  sampled += 10;
  const response = await fetch(`${url}/points/10`, { method: 'POST' });
  await response.arrayBuffer();
  acked += 10;
}

const crashAfterMs = Number(process.env['FAKE_CRASH_AFTER_MS'] ?? 0);
if (crashAfterMs > 0) {
  setTimeout(() => {
    process.stderr.write('out of luck\n');
    process.exit(7);
  }, crashAfterMs);
}
