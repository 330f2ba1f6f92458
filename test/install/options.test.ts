/** The options of `npm start`, the live line and the reading of logs and figures: what a user types and reads. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { agentFigures, collectorFigures, sinceOpening } from '../../install/local/figures.ts';
import { createLiveLine, createRate, formatFigures } from '../../install/local/line.ts';
import { isWarning, parseLogLine, wordLogLine } from '../../install/local/logs.ts';
import { parseOptions } from '../../install/local/options.ts';

const agentStatus = {
  points: { sampled: 120, sent: 110, acked: 100, dropped: { spool_full: 5 }, in_spool: 15 },
  batches: { acked: 10, refused: 2 },
  ack_ms: { p50: 0.84, p99: 12.4 },
  collector: { url: 'http://127.0.0.1:7440', state: 'up', last_error: null },
};
const collectorStatus = {
  points: { received: 101, durable: 100, duplicate_batches: 1 },
  sinks: { jsonl: { points_stored: 90, points_dropped: 0, points_dead: 3, lag_points: 7, state: 'starting' } },
};

describe('the options', () => {
  it('have the product’s defaults', () => {
    expect(parseOptions([])).toEqual({
      dataDir: './data',
      forMs: undefined,
      intervalMs: 10_000,
      port: 7440,
      adminPort: 7441,
      agentAdminPort: 7442,
    });
  });

  it('are refused with what was expected', () => {
    const refused = (args: string[], why: string) => expect(() => parseOptions(args)).toThrow(why);
    refused(['--for', '20'], '--for: 20 has no unit; expected a duration such as');
    refused(['--interval', '0s'], '--interval: "0s" is no time at all');
    refused(['--port', '70000'], '--port: "70000" is not a port');
    refused(['--prot', '7440'], "Unknown option '--prot'");
  });

  it('are all in the help, which comes with exit code 0; a wrong option has 2', () => {
    const start = fileURLToPath(new URL('../../install/local/start.ts', import.meta.url));
    const call = (...args: string[]) => spawnSync(process.execPath, [start, ...args], { encoding: 'utf8' });
    const help = call('--help');
    expect(help.status).toBe(0);
    for (const option of ['for', 'interval', 'data', 'port', 'admin-port', 'agent-admin-port', 'help']) {
      expect(help.stdout).toContain(`--${option} `);
    }
    expect(call('--for', 'ever')).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('the figures', () => {
  it('are read from the two status objects', () => {
    expect(agentFigures(agentStatus)).toMatchObject({ sampled: 120, dropped: { spool_full: 5 }, trouble: undefined });
    expect(collectorFigures(collectorStatus)).toEqual({
      durable: 100,
      duplicateBatches: 1,
      stored: 90,
      dropped: { dead_letter: 3 },
      lag: 7,
      starting: true,
    });
  });

  it('take a count and counts by reason alike where only the sum is shown', () => {
    const byReason = { ...agentStatus, batches: { acked: 10, refused: { busy: 2, limit: 3 } } };
    expect(agentFigures(byReason).batchesRefused).toBe(5);
  });

  it('have no time of an answer before the first one', () => {
    const fresh = { ...agentStatus, batches: { acked: 0, refused: 0 }, ack_ms: { p50: 0, p99: 0 } };
    expect(formatFigures(agentFigures(fresh), collectorFigures(collectorStatus), 0)).toContain('ack p50 – p99 –');
  });

  it('show an error of the agent only while it waits for the collector', () => {
    const withState = (state: string) =>
      agentFigures({ ...agentStatus, collector: { url: '', state, last_error: 'connection refused' } }).trouble;
    expect(withState('retrying')).toBe('retrying: connection refused');
    expect(withState('ok')).toBeUndefined();
  });

  it('of the sink count over all its runs, and are shown for this one', () => {
    const opening = collectorFigures(collectorStatus);
    const now = { ...opening, durable: 150, stored: 140, dropped: { dead_letter: 4, dropped: 2 } };
    expect(sinceOpening(opening, now)).toMatchObject({
      durable: 150,
      stored: 50,
      dropped: { dead_letter: 1, dropped: 2 },
    });
  });

  it('name the field that is not what they expect', () => {
    const broken = { ...agentStatus, points: { ...agentStatus.points, in_spool: 'many' } };
    expect(() => agentFigures(broken)).toThrow('agent status: points.in_spool: expected a count, got "many"');
    expect(() => collectorFigures({})).toThrow('collector status: sinks.jsonl.points_dropped: expected a count');
  });

  it('are one line', () => {
    expect(formatFigures(agentFigures(agentStatus), collectorFigures(collectorStatus), 0.1)).toBe(
      'sampled 120  sent 110  durable 100  stored 90  refused 2  dropped 8 · 0.1 batches/s · ack p50 0.8 ms p99 12 ms',
    );
  });

  it('give a rate over the last readings only', () => {
    const rate = createRate(10_000);
    expect(rate(0, 0)).toBe(0);
    expect(rate(10, 1000)).toBe(10);
    for (let second = 2; second <= 20; second++) rate(10, second * 1000);
    expect(rate(10, 21_000)).toBe(0);
  });
});

describe('the live line', () => {
  it('is rewritten in place on a terminal, and other lines go above it', () => {
    let text = '';
    const line = createLiveLine({ isTTY: true, columns: 20, write: (piece) => (text += piece) });
    line.show('a line that is longer than the terminal');
    line.print('warning');
    line.end();
    expect(text).toBe('\r\x1b[Ka line that is long\r\x1b[Kwarning\na line that is long\n');
  });

  it('is a plain line every five seconds elsewhere', () => {
    let text = '';
    let nowMs = 0;
    const line = createLiveLine({ write: (piece) => (text += piece) }, () => nowMs);
    for (; nowMs < 11_000; nowMs += 1000) line.show(`${nowMs}`);
    expect(text).toBe('0\n5000\n10000\n');
  });
});

describe('log lines', () => {
  it('are shown from warnings up, with their fields', () => {
    const line = parseLogLine(
      '{"level":"warn","time":"t","component":"agent","msg":"spool full","bytes":7,"why":"slow"}',
    );
    expect(isWarning(line)).toBe(true);
    expect(wordLogLine(line)).toBe('spool full bytes=7 why=slow');
    expect(isWarning(parseLogLine('{"level":"info","msg":"listening"}'))).toBe(false);
    expect(isWarning(parseLogLine('{"level":50,"msg":"broken"}'))).toBe(true);
  });

  it('that are no JSON are shown as they came', () => {
    const line = parseLogLine('{ cut off');
    expect(isWarning(line)).toBe(true);
    expect(wordLogLine(line)).toBe('{ cut off');
  });
});
