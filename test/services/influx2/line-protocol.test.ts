import { expect, it } from 'vitest';
import { type FieldValue, type ParsedPoint, parseLines } from './line-protocol.ts';

function check(line: string, expected: Partial<ParsedPoint>): void {
  const { points, faults } = parseLines(line);
  expect(faults).toEqual([]);
  expect(points).toEqual([{ tags: {}, time: undefined, ...expected, line }]);
}

function checkFault(line: string, reason: string): void {
  // The fault is in this line alone: those around it are read.
  const { points, faults } = parseLines(`before v=1 1\n${line}\nafter v=1 1\n`);
  expect(faults).toEqual([{ line, reason: expect.stringContaining(reason) as string }]);
  expect(points.map(({ measurement }) => measurement)).toEqual(['before', 'after']);
}

it('reads a point with tags, fields of each type and a time', () => {
  const fields: Record<string, FieldValue> = {
    f: { type: 'float', value: -1.5e-3 },
    i: { type: 'integer', value: -9223372036854775808n },
    u: { type: 'unsigned', value: 18446744073709551615n },
    s: { type: 'string', value: 'a b,c=d' },
    t: { type: 'boolean', value: true },
    n: { type: 'boolean', value: false },
  };
  check('cpu,host=a,dc=x f=-1.5e-3,i=-9223372036854775808i,u=18446744073709551615u,s="a b,c=d",t=T,n=false 17', {
    measurement: 'cpu',
    tags: { host: 'a', dc: 'x' },
    fields,
    time: 17n,
  });
});

it('reads escapes where they are escapes, and backslashes elsewhere as themselves', () => {
  const one: FieldValue = { type: 'float', value: 1 };
  check('a\\ b\\,c\\=d v=1', { measurement: 'a b,c\\=d', fields: { v: one } });
  check('m,k\\ 1\\,\\==v\\ 1\\,\\= f\\ 1\\,\\==1', {
    measurement: 'm',
    tags: { 'k 1,=': 'v 1,=' },
    fields: { 'f 1,=': one },
  });
  check('m,path=C:\\dir\\new v=1', { measurement: 'm', tags: { path: 'C:\\dir\\new' }, fields: { v: one } });
  check('m,q="a" v=1', { measurement: 'm', tags: { q: '"a"' }, fields: { v: one } });
  check('m v="a\\"b\\\\c\\d"', { measurement: 'm', fields: { v: { type: 'string', value: 'a"b\\c\\d' } } });
  check('m v="two\nlines" 5', { measurement: 'm', fields: { v: { type: 'string', value: 'two\nlines' } }, time: 5n });
  check('wärme,ort=Zürich\\ 主机 °C=1', { measurement: 'wärme', tags: { ort: 'Zürich 主机' }, fields: { '°C': one } });
});

it('passes over empty lines and comments', () => {
  expect(parseLines('\n# m v=1\n\nm v=1\n').points).toHaveLength(1);
  expect(parseLines('')).toEqual({ points: [], faults: [] });
});

it('tells of each line that it cannot read', () => {
  checkFault(',host=a v=1', 'missing measurement');
  checkFault('m', 'missing fields');
  checkFault('m,host=a', 'missing fields');
  checkFault('m, v=1', 'missing tag key');
  checkFault('m,host v=1', 'missing tag value');
  checkFault('m,host= v=1', 'missing tag value');
  checkFault('m,host=a,host=b v=1', 'duplicate tags');
  checkFault('m,time=a v=1', 'reserved');
  checkFault('m _field=1', 'reserved');
  checkFault('m v=1,v=2', 'duplicate field');
  checkFault('m v', 'invalid field format');
  checkFault('m =1', 'missing field key');
  checkFault('m v=', 'missing field value');
  checkFault('m v=1,', 'missing field key');
  checkFault('m  v=1', 'missing field key');
  checkFault('m v=1  5', 'bad timestamp');
  checkFault('m v=1 5 ', 'bad timestamp');
  checkFault('m v=1 5.0', 'bad timestamp');
  checkFault('m v=1 9223372036854775808', 'time outside range');
  checkFault('m v=1\r', 'invalid number');
  checkFault('m\r v=1', 'carriage return');
  for (const number of ['NaN', 'Infinity', '-Inf', '1e400', '1.i', '0x1', '+1', '1_0', '--1', 'tRUE', '1e']) {
    checkFault(`m v=${number} 1`, 'invalid number');
  }
  checkFault('m v=9223372036854775808i', 'out of range');
  checkFault('m v=-1u', 'out of range');
  checkFault(`m,k=${'x'.repeat(65_535)} v=1`, 'max key length exceeded');
});

it('a tag value ending in a backslash swallows the space after it', () => {
  checkFault('m,path=C:\\ v=1 5', 'missing fields');
});

it('a string that never ends is a fault of its first line', () => {
  expect(parseLines('m v="a\nn v=1').faults).toEqual([{ line: 'm v="a', reason: 'unbalanced quotes' }]);
});
