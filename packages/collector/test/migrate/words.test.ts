/** What a person gives and sees: times, the two ends, tables, progress, the account. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeClock } from '@metricstream/shared/testing/fake-clock.ts';
import { describe, expect, it } from 'vitest';
import { accountText, progressText } from '../../src/migrate/backfill-text.ts';
import { openEnds } from '../../src/migrate/ends.ts';
import { createProgressFile, emptyAccount, openIn } from '../../src/migrate/progress-file.ts';
import { createProgressLine, percentText } from '../../src/migrate/progress-line.ts';
import { labelled, moreText, tableText } from '../../src/migrate/text.ts';
import { minuteText, parseMinute } from '../../src/migrate/times.ts';
import { START_MINUTE, tempDir } from './fleet.ts';

const NOW_MS = START_MINUTE * 60_000 + 59_999;

it('reads times as people give them, and names the option of one that is none', () => {
  const check = (text: string, minute: number) => expect(parseMinute('--since', text, NOW_MS), text).toBe(minute);
  check('now', START_MINUTE);
  check('90s', START_MINUTE - 1);
  check('1h30m', START_MINUTE - 90);
  check('2025-10-04', START_MINUTE - 720);
  check('2025-10-04T11:58Z', START_MINUTE - 2);
  check('2025-10-04T14:01:30.5+02:00', START_MINUTE + 1);
  for (const text of ['', '5', 'yesterday', '2025-13-01', '2025-10-04T12:00'])
    expect(() => parseMinute('--since', text, NOW_MS), text).toThrow(/^--since .* is no time: expected 2h \(ago\)/);
  expect(minuteText(START_MINUTE)).toBe('2025-10-04T12:00Z');
});

describe('the two ends', () => {
  const withConfig = (sinks: unknown) => {
    const config = join(tempDir(), 'collector.yaml');
    writeFileSync(config, JSON.stringify({ sinks }));
    return (flags: object) => {
      const ends = openEnds({ config, from: 'jsonl', to: 'influxdb', ...flags }, '24h', NOW_MS);
      ends.client.close();
      return ends;
    };
  };
  const influxdb = { url: 'http://127.0.0.1:1', database: 'metrics' };

  it('are the directory of the configuration and the window until a minute ago, unless given', () => {
    const open = withConfig({ influxdb, jsonl: { dir: '/points' } });
    const window = { since: START_MINUTE - 1 - 1440, until: START_MINUTE - 1 };
    expect(open({})).toMatchObject({ path: '/points', window, settings: { schema: 'seed' } });
    expect(open({ from: 'jsonl:/backup', since: '1h', until: 'now' })).toMatchObject({
      path: '/backup',
      window: { since: START_MINUTE - 60, until: START_MINUTE },
    });
  });

  it('are told when they cannot be, with what can', () => {
    const open = withConfig({ influxdb });
    const check = (flags: object, code: string, message: RegExp) =>
      expect(() => open(flags)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    check({ from: 'csv:/x' }, 'usage', /--from "csv:\/x" is unknown: expected jsonl:DIR/);
    check({ from: 'jsonl:' }, 'usage', /expected jsonl:DIR/);
    check({ to: 'kafka' }, 'usage', /expected influxdb/);
    check({ since: '1m', until: '2h' }, 'usage', /no minute between --since and --until/);
    expect(() => withConfig({})({})).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });
});

it('aligns tables, cuts cells that are out of proportion, and says what is not shown', () => {
  const columns = [{ heading: 'NAME' }, { heading: 'COUNT', right: true }];
  expect(
    tableText(columns, [
      ['a', '12'],
      ['longer', '3'],
    ]),
  ).toBe('NAME    COUNT\na          12\nlonger      3\n');
  expect(tableText(columns, [['x'.repeat(500), '1']]).split('\n')[1]).toHaveLength(80 + 2 + 5);
  expect(tableText(columns, [])).toBe('');
  expect(moreText(1234, 20) + moreText(5, 5)).toBe('and 1,214 more\n');
  expect(
    labelled([
      ['a', '1'],
      ['long', '2'],
    ]),
  ).toBe('a     1\nlong  2\n');
  expect([percentText(1, 3), percentText(0, 0), percentText(9, 3)]).toEqual(['33 %', '100 %', '100 %']);
});

describe('the progress line', () => {
  const lineWith = (terminal: boolean) => {
    const clock = fakeClock();
    const said: string[] = [];
    return { clock, said, line: createProgressLine({ err: (text) => said.push(text), terminal, clock }) };
  };

  it('replaces itself on a terminal after 2 s, a few times a second, and goes at the end', async () => {
    const { clock, said, line } = lineWith(true);
    for (let tick = 0; tick < 25; tick++) {
      line.update(() => `tick ${tick}`);
      await clock.advance(100);
    }
    line.end();
    line.end();
    expect(said).toEqual(['\r\u001b[Ktick 20', '\r\u001b[Ktick 22', '\r\u001b[Ktick 24', '\r\u001b[K']);
  });

  it('is a line now and then elsewhere, and what must be seen is said at once', async () => {
    const { clock, said, line } = lineWith(false);
    line.say('plan');
    for (let tick = 0; tick < 25; tick++) {
      line.update(() => `tick ${tick}`);
      await clock.advance(1000);
    }
    line.end();
    expect(said).toEqual(['plan\n', 'tick 10\n', 'tick 20\n']);
  });

  it('says rate, time left and what is wrong', () => {
    const account = { ...emptyAccount(), read: 1000, written: 300, alreadyThere: 300 };
    const pump = { state: 'retrying', why: 'no answer' } as never;
    const pace = { toRead: 2000, readBefore: 100, elapsedMs: 10_000 };
    expect(progressText({ account, doneUntil: START_MINUTE, pump }, pace)).toBe(
      '2025-10-04T12:00Z  500 of 2,000 lines (25 %), 300 written, 50 lines/s, 30s left; retrying: no answer',
    );
  });
});

it('gives an account that adds up, or says what is not done yet', () => {
  const account = { ...emptyAccount(), read: 10, written: 4, alreadyThere: 3, rejected: 1, unreadable: 2 };
  expect(openIn(account)).toBe(0);
  expect(accountText(account, false)).toBe(
    'read 10 = written 4 + already there 3 + too old 0 + rejected 1 + unreadable 2',
  );
  expect(accountText({ ...account, read: 12 }, false)).toMatch(/ \+ not done yet 2$/);
});

describe('the progress file', () => {
  const identity = { from: '/points', to: 'http://x, database d', schema: 'seed', onlyMissing: true };
  const state = { since: 1, until: 9, doneUntil: 5, damaged: 0, account: { ...emptyAccount(), read: 7, written: 7 } };

  it('is found again by the same backfill only', () => {
    const dir = tempDir();
    const file = createProgressFile(dir, identity);
    expect(file.load()).toBeUndefined();
    file.save(state);
    expect(createProgressFile(dir, identity).load()).toEqual(state);
    for (const other of [{ from: '/other' }, { to: 'y' }, { schema: 'both' }, { onlyMissing: false }])
      expect(createProgressFile(dir, { ...identity, ...other }).load()).toBeUndefined();
    file.remove();
    expect(file.load()).toBeUndefined();
  });

  it('is nothing when it is not whole', () => {
    const file = createProgressFile(tempDir(), identity);
    file.save({ ...state, doneUntil: Number.NaN });
    expect(file.load()).toBeUndefined();
    file.save(state);
    writeFileSync(file.path, '{"identity":');
    expect(file.load()).toBeUndefined();
  });
});
