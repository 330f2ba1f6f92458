/** Lines of `check --connect`: how they look and what they come to. */
import { expect, test } from 'vitest';
import { type CheckLine, checkLinesExit, checkLinesText } from '../../src/cli/check-line.ts';

const OK: CheckLine = { level: 'ok', what: 'topic metrics-raw has 12 partitions' };
const WARN: CheckLine = {
  level: 'warn',
  what: 'replication is 1',
  fix: 'a broker that dies takes its partitions along',
};
const FAIL: CheckLine = { level: 'fail', what: 'bucket metrics is missing', fix: 'run setup influxdb' };
const AWAY: CheckLine = { level: 'fail', what: 'k:9092 does not answer', fix: 'start it', unreachable: true };

test('each line says its level first, and what to do stands below it', () => {
  expect(checkLinesText([OK, FAIL])).toBe(
    'ok    topic metrics-raw has 12 partitions\nfail  bucket metrics is missing\n      → run setup influxdb\n',
  );
});

test('a warning is no failure, a failure is 1, and silence is 69 whatever else is wrong', () => {
  expect(checkLinesExit([])).toBe(0);
  expect(checkLinesExit([OK, WARN])).toBe(0);
  expect(checkLinesExit([OK, FAIL])).toBe(1);
  expect(checkLinesExit([FAIL, AWAY, OK])).toBe(69);
});
