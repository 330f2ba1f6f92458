/** The one live line of `npm start`: rewritten in place on a terminal, a plain line every five seconds elsewhere. */
import type { AgentFigures, CollectorFigures } from './figures.ts';

export interface LiveLine {
  /** Shows the current figures; off a terminal only when the last line is old enough. */
  show(text: string): void;
  /** Prints a whole line of its own, above the live one. */
  print(text: string): void;
  /** Leaves the live line as it stands and ends it. */
  end(): void;
}

/** What of a terminal the live line needs; process.stdout fits. */
export interface LineOutput {
  isTTY?: boolean | undefined;
  columns?: number | undefined;
  write(text: string): unknown;
}

const plainEveryMs = 5000;

/** The live line on `out`. `now` gives milliseconds on a clock that never goes back. */
export function createLiveLine(out: LineOutput, now: () => number = () => performance.now()): LiveLine {
  const inPlace = out.isTTY === true;
  let current = '';
  let printedMs = Number.NEGATIVE_INFINITY;
  return {
    show(text) {
      current = text;
      if (inPlace) {
        out.write(`\r\x1b[K${text.slice(0, (out.columns ?? 80) - 1)}`);
      } else if (now() - printedMs >= plainEveryMs) {
        printedMs = now();
        out.write(`${text}\n`);
      }
    },
    print(text) {
      out.write(
        inPlace && current !== '' ? `\r\x1b[K${text}\n${current.slice(0, (out.columns ?? 80) - 1)}` : `${text}\n`,
      );
    },
    end() {
      if (inPlace && current !== '') out.write('\n');
      current = '';
    },
  };
}

/** Batches per second over the last readings: feed it the count and the time of each, in milliseconds. */
export function createRate(windowMs: number): (count: number, nowMs: number) => number {
  const readings: { count: number; nowMs: number }[] = [];
  return (count, nowMs) => {
    readings.push({ count, nowMs });
    while (readings.length > 2 && nowMs - (readings[1]?.nowMs ?? nowMs) >= windowMs) readings.shift();
    const oldest = readings[0];
    return oldest === undefined || nowMs <= oldest.nowMs ? 0 : ((count - oldest.count) * 1000) / (nowMs - oldest.nowMs);
  };
}

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, count) => total + count, 0);
const wordMs = (ms: number | undefined) => (ms === undefined ? '–' : `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`);

/** The figures as one line. Counts are points but for "refused", which counts answers 429 and 503. */
export function formatFigures(agent: AgentFigures, collector: CollectorFigures, batchesPerSecond: number): string {
  const parts = [
    `sampled ${agent.sampled}`,
    `sent ${agent.sent}`,
    `durable ${collector.durable}`,
    `stored ${collector.stored}`,
    `refused ${agent.batchesRefused}`,
    `dropped ${sum(agent.dropped) + sum(collector.dropped)}`,
  ].join('  ');
  const trouble = agent.trouble === undefined ? '' : ` · ${agent.trouble}`;
  const ack = `ack p50 ${wordMs(agent.ackP50Ms)} p99 ${wordMs(agent.ackP99Ms)}`;
  return `${parts} · ${batchesPerSecond.toFixed(1)} batches/s · ${ack}${trouble}`;
}
