import { describe, expect, it } from 'vitest';
import { createWatch, type Verdict, type Watch } from '../../../src/sources/kafka/kafkajs-watch.ts';

const STEP_MS = 100;

/** Lets time pass; `each` is what kafkajs does meanwhile. @returns the verdicts in order, each once. */
function pass(
  watch: Watch,
  { fromMs, toMs }: { fromMs: number; toMs: number },
  each: (nowMs: number) => void,
): Verdict[] {
  const verdicts: Verdict[] = [];
  for (let nowMs = fromMs; nowMs < toMs; nowMs += STEP_MS) {
    each(nowMs);
    const verdict = watch.verdict(nowMs);
    if (verdicts.at(-1) !== verdict) verdicts.push(verdict);
  }
  return verdicts;
}

function joinedWatch(): Watch {
  const watch = createWatch(0);
  watch.joined(0);
  return watch;
}

describe('the watch over a membership', () => {
  it('is content with fetches that are answered and heartbeats every two seconds', () => {
    const watch = joinedWatch();
    const verdicts = pass(watch, { fromMs: 0, toMs: 600_000 }, (nowMs) => {
      if (nowMs % 300 === 0) watch.answered(nowMs);
      if (nowMs % 2000 === 0) watch.heartbeat(nowMs);
    });
    expect(verdicts).toEqual(['well']);
  });

  it('has another coordinator looked for when fetches are answered and heartbeats are not', () => {
    const watch = joinedWatch();
    const verdicts = pass(watch, { fromMs: 0, toMs: 40_000 }, (nowMs) => {
      if (nowMs % 300 === 0) watch.answered(nowMs);
    });
    expect(verdicts).toEqual(['well', 'rejoin', 'anew']);
  });

  it('has another coordinator looked for at once when a heartbeat or a commit got no answer, not for a fetch', () => {
    for (const [apiName, verdict] of [
      ['Heartbeat', 'rejoin'],
      ['OffsetCommit', 'rejoin'],
      ['Fetch', 'well'],
    ] as const) {
      const watch = joinedWatch();
      watch.timedOut(apiName);
      expect(watch.verdict(100)).toBe(verdict);
      watch.joining(200);
      watch.joined(300);
      expect(watch.verdict(400)).toBe('well');
    }
  });

  it('waits through an outage of all brokers, however long, and leaves kafkajs a while afterwards', () => {
    const watch = joinedWatch();
    const outage = pass(watch, { fromMs: 0, toMs: 3_600_000 }, (nowMs) => {
      if (watch.verdict(nowMs) === 'ask') watch.asked(false, nowMs);
    });
    expect(outage).toEqual(['well', 'ask']);
    // Back: others are answered, and kafkajs is half a second later.
    watch.asked(true, 3_600_000);
    const back = pass(watch, { fromMs: 3_600_000, toMs: 3_620_000 }, (nowMs) => {
      if (nowMs < 3_600_500) return;
      watch.answered(nowMs);
      if (nowMs % 2000 === 1000) watch.heartbeat(nowMs);
    });
    expect(back).toEqual(['ask', 'well']);
  });

  it('begins anew when others are answered and kafkajs never is', () => {
    const watch = joinedWatch();
    const verdicts = pass(watch, { fromMs: 0, toMs: 20_000 }, (nowMs) => {
      if (watch.verdict(nowMs) === 'ask') watch.asked(true, nowMs);
    });
    expect(verdicts).toEqual(['well', 'ask', 'anew']);
  });

  it('lets the other members take their time when the group is joined', () => {
    const watch = joinedWatch();
    watch.joining(1000);
    expect(pass(watch, { fromMs: 1000, toMs: 19_000 }, () => {})).toEqual(['well']);
    const looping = joinedWatch();
    looping.joining(0);
    expect(pass(looping, { fromMs: 0, toMs: 70_000 }, (nowMs) => looping.answered(nowMs))).toEqual(['well', 'anew']);
  });
});
