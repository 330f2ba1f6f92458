import { describe, expect, test } from 'vitest';
import { createLifecycle, type Step } from '../src/lifecycle.ts';
import { createLog } from '../src/log.ts';
import { fakeClock } from '../src/testing/fake-clock.ts';

function setUp(make: (events: string[]) => Step[], stopDeadlineMs = 1000) {
  const events: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const clock = fakeClock();
  const log = createLog({
    component: 'test',
    level: 'debug',
    format: 'json',
    write: (line) => lines.push(JSON.parse(line)),
  });
  const lifecycle = createLifecycle(make(events), { log, stopDeadlineMs, clock });
  return { events, lines, clock, lifecycle };
}

function step(name: string, events: string[], extra: Partial<Step> = {}): Step {
  return {
    name,
    start: () => void events.push(`start ${name}`),
    stop: () => void events.push(`stop ${name}`),
    ...extra,
  };
}

const never = (): Promise<void> => new Promise(() => {});

describe('order', () => {
  test('parts start in order and stop in reverse, and each step is logged with its duration', async () => {
    const { events, lines, lifecycle } = setUp((e) => [step('sink', e), step('journal', e), step('listener', e)]);
    await lifecycle.start();
    const report = await lifecycle.stop('test');
    expect(events).toEqual([
      'start sink',
      'start journal',
      'start listener',
      'stop listener',
      'stop journal',
      'stop sink',
    ]);
    expect(report).toEqual({ clean: true, abandoned: [], failed: [] });
    expect(lines.filter((line) => line['duration_ms'] === 0).map((line) => line['msg'])).toEqual([
      'sink: started',
      'journal: started',
      'listener: started',
      'listener: stopped',
      'journal: stopped',
      'sink: stopped',
      'every part stopped',
    ]);
  });

  test('a start that fails stops what had started, itself included, and throws what it threw', async () => {
    const { events, lifecycle } = setUp((e) => [
      step('sink', e),
      step('journal', e, { start: () => Promise.reject(new Error('disk full')) }),
      step('listener', e),
    ]);
    await expect(lifecycle.start()).rejects.toThrow('disk full');
    expect(events).toEqual(['start sink', 'stop journal', 'stop sink']);
  });
});

describe('stop', () => {
  test('is the same stop however often it is asked for', async () => {
    const { events, lifecycle } = setUp((e) => [step('sink', e)]);
    await lifecycle.start();
    const [first, second] = await Promise.all([lifecycle.stop('one'), lifecycle.stop('two')]);
    expect(second).toBe(first);
    expect(await lifecycle.stop('three')).toBe(first);
    expect(events).toEqual(['start sink', 'stop sink']);
  });

  test('before start touches nothing, and nothing starts after it', async () => {
    const { events, lifecycle } = setUp((e) => [step('sink', e)]);
    expect(await lifecycle.stop('early')).toMatchObject({ clean: true });
    await expect(lifecycle.start()).rejects.toMatchObject({ code: 'stopped' });
    expect(events).toEqual([]);
  });

  test('during start aborts the signal of the part that is starting, starts no more, and stops that part', async () => {
    const { events, lifecycle } = setUp((e) => [
      step('journal', e, {
        start: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
      }),
      step('listener', e),
    ]);
    const starting = lifecycle.start();
    const stopping = lifecycle.stop('signal');
    await expect(starting).rejects.toMatchObject({ code: 'stopped' });
    expect(await stopping).toMatchObject({ clean: true });
    expect(events).toEqual(['stop journal']);
  });

  test('goes on past a part that throws, at once or later, and names it', async () => {
    const { events, lifecycle } = setUp((e) => [
      step('sink', e),
      step('journal', e, { stop: () => Promise.reject(new Error('later')) }),
      step('listener', e, {
        stop: () => {
          throw new Error('at once');
        },
      }),
    ]);
    await lifecycle.start();
    expect(await lifecycle.stop('test')).toEqual({ clean: false, abandoned: [], failed: ['listener', 'journal'] });
    expect(events).toContain('stop sink');
  });

  test('leaves a hanging part behind at the deadline, having aborted its signal, and still stops the others', async () => {
    let abortedAtMs = -1;
    const { events, clock, lifecycle } = setUp((e) => [
      step('journal', e),
      step('listener', e, {
        stop: (signal) => {
          signal.addEventListener('abort', () => (abortedAtMs = clock.monotonicMs()));
          return never();
        },
      }),
    ]);
    await lifecycle.start();
    const stopping = lifecycle.stop('test');
    await clock.advance(999);
    expect(events).not.toContain('stop journal');
    await clock.advance(1);
    expect(abortedAtMs).toBe(1000);
    await clock.advance(250);
    expect(await stopping).toEqual({ clean: false, abandoned: ['listener'], failed: [] });
    expect(events).toContain('stop journal');
    expect(clock.sleepers()).toBe(0);
  });

  test('does not wait past the deadline for a start that hangs', async () => {
    const { clock, lifecycle } = setUp((e) => [step('journal', e, { start: never })]);
    void lifecycle.start().catch(() => {});
    const stopping = lifecycle.stop('test');
    await clock.advance(1000);
    expect(await stopping).toMatchObject({ clean: true });
  });
});
