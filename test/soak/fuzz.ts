/** `pnpm soak fuzz`: ten million fuzzed requests through the HTTP listener in memory; see test/conformance/fuzz. */
import { fuzz } from '../conformance/fuzz/fuzz.ts';
import type { FuzzReport } from '../conformance/fuzz/fuzz.ts';
import type { Soak } from './main.ts';

const REQUESTS = 10_000_000;

export const soak: Soak = async ({ count = REQUESTS, seed = Date.now() % 1_000_000_000 }) => {
  const beganMs = performance.now();
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const figures = ({ requests, streams, refused, finds }: FuzzReport): string => {
    const seconds = (performance.now() - beganMs) / 1000;
    const megabytes = Math.round(process.memoryUsage().rss / 1e6);
    return `${requests} requests in ${streams} streams, ${refused} refused, ${finds.length} finds; ${seconds.toFixed(0)} s, ${Math.round(requests / seconds)} requests/s, ${megabytes} MB`;
  };
  say(`seed ${seed}`);
  const report = await fuzz({ requests: count, seed, progress: (now) => say(figures(now)) });
  say(figures(report));
  const { handedOver, hiding, byteByByte } = report;
  say(
    `${handedOver} handed over; ${hiding} streams hid a request that stayed hidden; ${byteByByte} came byte by byte, too`,
  );
  const reasons = [...report.reasons].sort((a, b) => b[1] - a[1]);
  say(`refused for: ${reasons.map(([reason, times]) => `${reason} ${times}`).join(', ')}`);
  for (const find of report.finds) say(`FIND ${JSON.stringify(find)}`);
  for (const left of report.left) say(`LEFT ${left}`);
  return report.finds.length + report.left.length === 0;
};
