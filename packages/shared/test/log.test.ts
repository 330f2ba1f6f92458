import { describe, expect, test } from 'vitest';
import { MetricStreamError } from '../src/errors.ts';
import { createLog, isSecretName, redactText, silentLog, throttled, type LogOptions } from '../src/log.ts';

function capture(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = createLog({ component: 'collector', color: false, write: (line) => lines.push(line), ...options });
  return { log, lines };
}

describe('JSON', () => {
  test('is one object a line with level, time, component, fields and message', () => {
    const { log, lines } = capture({ format: 'json' });
    log.child({ worker: 2 }).warn('ring full', { refused: 17 });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] as string)).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      component: 'collector',
      worker: 2,
      refused: 17,
      msg: 'ring full',
    });
    expect(lines[0]).toMatch(/}\n$/);
  });

  test('holds code and causes of our errors, and the stack of others', () => {
    const { log, lines } = capture({ format: 'json' });
    log.error('sink: halted', { error: new MetricStreamError('unreachable', 'no', { cause: new Error('reset') }) });
    log.error('bug', { error: new TypeError('x is undefined') });
    const [first, second] = lines.map((line) => JSON.parse(line).error);
    expect(first).toEqual({ code: 'unreachable', message: 'no: reset', retryable: true });
    expect(second).toEqual({ message: 'x is undefined', stack: expect.stringContaining('log.test.ts') });
  });

  test('is what a log writes when stderr is no terminal', () => {
    const { log, lines } = capture();
    log.info('started');
    expect(JSON.parse(lines[0] as string)).toMatchObject({ msg: 'started' });
  });
});

describe('text', () => {
  test('aligns time, level and component before the message and its fields', () => {
    const { log, lines } = capture({ format: 'text' });
    log.info('listening', { address: '127.0.0.1:7440', note: 'two words', n: 3 });
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} info {2}collector listening {2}address=127\.0\.0\.1:7440 note="two words" n=3\n$/,
    );
  });

  test('cannot be forged by what came from afar: controls are escaped in message and fields', () => {
    const { log, lines } = capture({ format: 'text' });
    log.warn('bad\n12:00:00 error forged', { remote: 'a\r\n\x1b[31mred\x9b' });
    expect(lines[0]?.split('\n')).toHaveLength(2);
    // oxlint-disable-next-line no-control-regex
    expect(lines[0]).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  });

  test('has colour only when told so', () => {
    const { log, lines } = capture({ format: 'text', color: true });
    log.error('x');
    expect(lines[0]).toContain('\x1b[31merror\x1b[0m');
  });

  test('puts the stack of a foreign error below the line, indented', () => {
    const { log, lines } = capture({ format: 'text' });
    log.error('bug', { error: new Error('boom') });
    expect(lines[0]).toMatch(/bug {2}error=boom\n {4}Error: boom\n {8}at /);
  });
});

test('the stack of an error cannot rewrite the terminal with what its message quotes from afar', () => {
  const { log, lines } = capture({ format: 'text' });
  log.error('bug', {
    error: new SyntaxError('no JSON: \r\u001b[2K12:00:00 info all is well\u009b\n12:00:01 info yes'),
  });
  for (const control of ['\r', '\u001b', '\u009b']) expect(lines[0]).not.toContain(control);
  for (const line of (lines[0] as string).trimEnd().split('\n').slice(1)) expect(line).toMatch(/^ {4}/);
});

test('levels below the set one are silent, and the level can change', () => {
  const { log, lines } = capture({ level: 'warn' });
  log.info('no');
  log.setLevel('debug');
  log.debug('yes');
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['yes']);
});

test('no secret passes: by field name at any depth, and by form in any text', () => {
  const { log, lines } = capture();
  const token = 'abcdefgh12345678';
  log.child({ influx_token: token }).info(`sent Authorization: Bearer ${token}`, {
    token,
    nested: { list: [{ password: token }], header: `Token ${token}` },
    url: `http://user:${token}@host/`,
    error: new Error(`refused Bearer ${token}`),
    token_file: '/etc/metricstream/token',
  });
  expect(lines.join('')).not.toContain(token);
  expect(lines.join('')).toContain('/etc/metricstream/token');
});

test('figures about tokens are shown under their names, and no number or boolean under another that is secret', () => {
  const { log, lines } = capture();
  log.info('stopped', { door: { tokens: 2, tokens_expiring: 1, tokens_file_broken: false } });
  log.info('asked', { password: 4711, nested: { api_key: true, token: 7 }, tokens: ['a'] });
  const [figures, secrets] = lines.map((line) => JSON.parse(line));
  expect(figures.door).toEqual({ tokens: 2, tokens_expiring: 1, tokens_file_broken: false });
  const hidden = '[redacted]';
  expect(secrets).toMatchObject({ password: hidden, nested: { api_key: hidden, token: hidden }, tokens: hidden });
});

test('a token of ours is not shown, wherever it stands', () => {
  const token = `ms_${'aB3-_'.repeat(8)}xyz`;
  expect(redactText(`collector.token_file: /srv/${token}: there is no such file`)).toBe(
    'collector.token_file: /srv/ms_[redacted]: there is no such file',
  );
});

test('names and texts that only look like secrets are left alone', () => {
  expect(['key', 'tokens_file', 'tokenFile', 'client_id'].some(isSecretName)).toBe(false);
  expect(redactText('Token expired; see http://host:80/a@b')).toBe('Token expired; see http://host:80/a@b');
  expect(redactText('made ms_of_the_month')).toBe('made ms_of_the_month');
});

test('a value that is cyclic or too deep does not break the log', () => {
  const { log, lines } = capture();
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  log.info('x', { cyclic, big: 1n, none: undefined, nan: Number.NaN });
  expect(lines[0]).toContain('[deeper]');
});

test('a throttled log says the same thing once per period, and then how often it was held back', () => {
  const { log, lines } = capture();
  let nowMs = 0;
  const quiet = throttled(log, 1000, () => nowMs);
  for (let i = 0; i < 5; i++) quiet.warn('ring full', { i });
  quiet.warn('another');
  nowMs = 1000;
  quiet.warn('ring full', { i: 5 });
  nowMs = 2000;
  quiet.warn('ring full');
  const said = lines.map((line) => JSON.parse(line)).map(({ msg, i, suppressed }) => [msg, i, suppressed]);
  expect(said).toEqual([
    ['ring full', 0, undefined],
    ['another', undefined, undefined],
    ['ring full', 5, 4],
    ['ring full', undefined, undefined],
  ]);
});

test('the silent log is its own child', () => {
  expect(silentLog.child({})).toBe(silentLog);
});
