import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { faultsText } from '../../src/config/fault.ts';
import { bytes, choice, flag, integer, secret } from '../../src/config/leaves.ts';
import { CONFIG_BYTES_MAX, type ConfigSpec, loadConfig, parseConfig, readConfig } from '../../src/config/load.ts';
import { jsonSchemaOf } from '../../src/config/translate.ts';

const schema = z.strictObject({
  name: choice(['one', 'two']).prefault('one'),
  token: secret({ expected: 'a token', charsMax: 20 }).prefault(''),
  low: integer({ min: 0, max: 100 }).prefault(1),
  high: integer({ min: 0, max: 100 }).prefault(10),
  group: z.union([flag(), z.strictObject({ size: bytes({ min: 1, max: 1e9 }).prefault('1KiB') })]).prefault({}),
});

const spec: ConfigSpec<z.output<typeof schema>, z.output<typeof schema>> = {
  schema,
  defaultPath: '/nowhere.yaml',
  check: ({ low, high }) => [
    ...(low > high ? [{ path: ['low'], others: [['high']], what: `${low} is above high, ${high}` }] : []),
    ...(high > 50 ? [{ path: ['high'], level: 'warning' as const, what: 'is rather high' }] : []),
  ],
  shape: (file) => file,
  summary: () => '',
};

const dir = mkdtempSync(join(tmpdir(), 'ms-config-'));
afterAll(() => rmSync(dir, { recursive: true }));
const report = (text: string): string => {
  const result = parseConfig(text, spec, {});
  return result.ok ? 'ok' : faultsText('c.yaml', text, result.faults);
};
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
};

describe('the report', () => {
  test('shows each fault with its line and a mark under its place, sorted by place', () => {
    expect(report('high: 200\nname:  tow\nlwo: 5\n')).toBe(
      [
        'c.yaml:1:7 high: 200 is too large — expected a whole number from 0 to 100',
        '  1 | high: 200',
        '    |       ^^^',
        'c.yaml:2:8 name: is "tow" — expected one or two; did you mean "two"?',
        '  2 | name:  tow',
        '    |        ^^^',
        'c.yaml:3:1 lwo: unknown key — did you mean "low"?',
        '  3 | lwo: 5',
        '    | ^^^',
      ].join('\n'),
    );
  });

  test('never shows a secret, not even a wrong one', () => {
    const text = report(`token: ${'hunter2'.repeat(5)}\npassword: hunter2\nname: Bearer hunter2hunter2\n`);
    expect(text).toContain('token');
    expect(text).not.toContain('hunter2');
  });

  test('shows no control characters, and long lines cut', () => {
    const text = report(`"\x1b[31mx": 1\n${'y'.repeat(500)}: 1\n`);
    expect(text).not.toContain('\x1b');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThan(450);
  });

  test('stops showing after fifty faults, and says how many more', () => {
    const text = report(Array.from({ length: 60 }, (_, i) => `unknown_${i}: 1`).join('\n'));
    expect(text.split('\n').at(-1)).toBe('… and 10 more');
  });
});

describe('what options say about each other', () => {
  test('is reported at the option that is in the file', () => {
    expect(report('high: 0')).toContain('c.yaml:1:7 low: 1 is above high, 0');
    expect(report('low: 20')).toContain('c.yaml:1:6 low: 20 is above high, 10');
  });

  test('is reported together with faults elsewhere', () => {
    const text = report('low: 20\nname: three');
    expect(text).toContain('low: 20 is above');
    expect(text).toContain('name: is "three"');
  });

  test('is not asked where an option it depends on has a fault of its own', () => {
    expect(report('low: 20\nhigh: many').split('\n')[0]).toContain('2:7 high: is "many"');
    expect(report('low: 20\nhigh: ${NOPE}').split('\n')[0]).toContain('2:7 high: the environment variable NOPE');
  });

  test('may be a warning, which refuses nothing', () => {
    const result = parseConfig('high: 60', spec, {});
    expect(result).toMatchObject({ ok: true, warnings: [{ line: 1, column: 7, what: 'is rather high' }] });
  });
});

describe('what comes back', () => {
  test('is typed, complete and frozen to the bottom', () => {
    const result = parseConfig('group: {size: 1KB}', spec, {});
    if (!result.ok) throw new Error('refused');
    expect(result.config).toEqual({ name: 'one', token: '', low: 1, high: 10, group: { size: 1000 } });
    expect(Object.isFrozen(result.config) && Object.isFrozen(result.config.group)).toBe(true);
  });

  test('can be shown as a person would write it, secrets redacted, and read back to the same', () => {
    const result = parseConfig('token: hunter2\ngroup: {size: 2048}', spec, {});
    if (!result.ok) throw new Error('refused');
    const { shown } = result;
    expect(shown).toEqual({ name: 'one', token: '[redacted]', low: 1, high: 10, group: { size: '2KiB' } });
    const again = parseConfig(JSON.stringify(shown), spec, {});
    expect(again.ok && again.hash).toBe(result.hash);
  });

  test('has another fingerprint as soon as one value is another', () => {
    const hashes = ['', 'low: 1', 'low: 2'].map((text) => {
      const result = parseConfig(text, spec, {});
      return result.ok ? result.hash : undefined;
    });
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[0]).not.toBe(hashes[2]);
    expect(hashes[0]).toBeTypeOf('bigint');
  });

  test('has a JSON Schema for editors, with the defaults', () => {
    expect(jsonSchemaOf(schema)).toMatchObject({
      type: 'object',
      additionalProperties: false,
      properties: {
        name: { enum: ['one', 'two'], default: 'one' },
        low: { type: 'integer', minimum: 0, maximum: 100 },
      },
    });
  });
});

describe('a file', () => {
  const what = (path: string): unknown => {
    const result = readConfig(path, spec, {});
    return result.ok ? 'ok' : [result.faults[0]?.line, result.faults[0]?.what];
  };

  test('that is missing, a directory or below a file is named with its path, exit status 78', () => {
    expect(what(join(dir, 'none.yaml'))).toEqual([0, 'there is no such file']);
    expect(what(dir)).toEqual([0, 'is a directory']);
    expect(what(join(file('plain', ''), 'x.yaml'))).toEqual([0, expect.stringContaining('ENOTDIR')]);
    const path = join(dir, 'none.yaml');
    expect(() => loadConfig(path, spec)).toThrow(`${path}: there is no such file — expected`);
    expect(() => loadConfig(path, spec)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });

  test('may be exactly as large as the bound and no larger', () => {
    const comment = `#${'x'.repeat(CONFIG_BYTES_MAX - 2)}\n`;
    expect(what(file('full.yaml', comment))).toBe('ok');
    expect(what(file('over.yaml', `${comment}#`))).toEqual([0, 'is larger than 1MiB']);
  });

  test('that is not UTF-8 is refused with the line', () => {
    expect(what(file('latin1.yaml', Buffer.from('name: one\n# caf\xe9\n', 'latin1')))).toEqual([2, 'is not UTF-8']);
    expect(what(file('utf16.yaml', Buffer.from('\ufeffname: one', 'utf16le')))).toEqual([1, 'is not UTF-8']);
  });

  test('may begin with a byte order mark', () => {
    expect(what(file('bom.yaml', '\ufeffname: two'))).toBe('ok');
  });

  test('takes its variables from the environment', () => {
    process.env['MS_TEST_LOW'] = '7';
    expect(loadConfig(file('env.yaml', 'low: ${MS_TEST_LOW}'), spec).config.low).toBe(7);
    delete process.env['MS_TEST_LOW'];
  });
});
