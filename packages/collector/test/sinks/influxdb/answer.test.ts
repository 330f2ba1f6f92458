/** InfluxQL's answers as servers give them, and as they should not. */
import { describe, expect, it } from 'vitest';
import { influxqlSeries } from '../../../src/sinks/influxdb/answer.ts';

const read = (json: unknown) => influxqlSeries({ status: 200, words: '' }, Buffer.from(JSON.stringify(json)), 'here');
const series = { name: 'm', columns: ['time', 'v'], values: [[1, 2]] };

describe('an InfluxQL answer', () => {
  it('gives the series of each statement, with no rows where it has none', () => {
    expect(read({ results: [{}, { series: [{ name: 'm', columns: ['name'] }, series] }] })).toEqual([
      [],
      [{ name: 'm', columns: ['name'], values: [] }, series],
    ]);
    expect(read({})).toEqual([]);
  });

  it.each([
    ['a series', { results: [{ series: [series, { ...series, partial: true }] }] }],
    ['a result', { results: [{ series: [series] }, { series: [series], partial: true }] }],
  ])('that was cut short in %s is none', (_where, json) => {
    expect(() => read(json)).toThrow(expect.objectContaining({ code: 'limit' }));
    expect(() => read(json)).toThrow('here cuts answers short; set max-row-limit');
  });

  it.each([[null], [7], [{ results: 7 }], [{ results: [null] }], [{ results: [{ series: {} }] }]])(
    'that has another form is told by its text: %j',
    (json) => {
      expect(() => read(json)).toThrow(`here answered 200: no InfluxQL answer: ${JSON.stringify(json)}`);
    },
  );
});
