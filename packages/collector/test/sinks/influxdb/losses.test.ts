/** What is lost: each point once, by record and reason, and bounded whatever comes. */
import { describe, expect, it } from 'vitest';
import { createBody } from '../../../src/sinks/influxdb/body.ts';
import { createConflicts } from '../../../src/sinks/influxdb/conflicts.ts';
import { createLineWriter } from '../../../src/sinks/influxdb/line-protocol.ts';
import { createLossBook } from '../../../src/sinks/influxdb/losses.ts';
import { lineBatch, seriesOf } from './helpers.ts';

function bodyOf(series: number, schema: 'seed' | 'both' = 'seed', index = 0) {
  const body = createBody();
  const writer = createLineWriter(schema);
  const batch = lineBatch({
    series: Array.from({ length: series }, (_, at) => seriesOf(`m.f${at}`)),
    values: Float64Array.from({ length: series }, (_, at) => at),
  });
  writer.begin(batch, { index });
  expect(writer.fill(body)).toBe(true);
  return body;
}

describe('a book of losses', () => {
  it('counts a point once, however many lines stand for it', () => {
    const body = bodyOf(10, 'both');
    const book = createLossBook();
    for (let line = 0; line < body.lines; line++) book.loseLine(body, line, 'no');
    book.ageLine(body, 3);
    expect(book.losses()).toMatchObject([{ index: 0, points: 10, why: 'no' }]);
    expect(book.losses()[0]?.text?.split('\n').length).toBe(11);
    expect([book.refused, book.aged]).toEqual([10, 0]);
  });

  it('keeps reasons apart, up to a few, and age by itself', () => {
    const body = bodyOf(100);
    const book = createLossBook();
    for (let line = 0; line < 50; line++) book.loseLine(body, line, `reason ${line}`);
    for (let line = 50; line < 60; line++) book.ageLine(body, line);
    book.agePoints(0, 7);
    const losses = book.losses();
    expect(losses.length).toBe(9);
    expect(losses.filter(({ dropped }) => dropped === undefined).reduce((sum, { points }) => sum + points, 0)).toBe(50);
    expect(losses.find(({ dropped }) => dropped === 'retention')).toEqual({
      index: 0,
      points: 17,
      why: 'retention',
      dropped: 'retention',
    });
    expect([book.refused, book.aged]).toEqual([50, 17]);
  });

  it('keeps so much text and no more', () => {
    const book = createLossBook();
    for (let index = 0; index < 500; index++) {
      const body = bodyOf(300, 'seed', index);
      for (let line = 0; line < body.lines; line++) book.loseLine(body, line, 'no');
    }
    const losses = book.losses();
    expect(losses.length).toBe(500);
    expect(Math.max(...losses.map(({ text }) => text?.length ?? 0))).toBeLessThan(17_000);
    expect(losses.reduce((sum, { text }) => sum + (text?.length ?? 0), 0)).toBeLessThan(5_000_000);
    expect(losses.every(({ points }) => points === 300)).toBe(true);
  });
});

describe('fields in conflict', () => {
  it('are remembered up to a thousand, the oldest forgotten first', () => {
    const conflicts = createConflicts();
    expect(conflicts.version).toBe(0);
    for (let at = 0; at < 2000; at++) conflicts.add({ measurement: 'm', field: `f${at}` });
    expect(conflicts.size).toBe(1024);
    expect(conflicts.has('m', 'f0')).toBe(false);
    expect(conflicts.has('m', 'f1999')).toBe(true);
    const { version } = conflicts;
    conflicts.add({ measurement: 'm', field: 'f1999' });
    expect(conflicts.version).toBe(version);
    conflicts.forget({ measurement: 'm', field: 'f1999' });
    expect(conflicts.has('m', 'f1999')).toBe(false);
    expect(conflicts.version).toBeGreaterThan(version);
  });

  it('of a seed line are those of its value, whichever of its fields it is', () => {
    const conflicts = createConflicts();
    conflicts.add({ measurement: 'server_metrics', field: 'unit' });
    expect(conflicts.has('server_metrics', 'value')).toBe(true);
  });
});
