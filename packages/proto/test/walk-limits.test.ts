/** Every limit of a walker, met and exceeded by one. */
import { expect, it } from 'vitest';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from '../src/limits.ts';
import { createWalker } from '../src/walk.ts';
import { assemble, doubles, field, fixed64, type Parts } from './helpers.ts';

it('enforces each limit, at the place that exceeds it', () => {
  const beyond = (
    limits: Partial<WireLimits>,
    overrides: Partial<Parts>,
    reason: string,
    part: keyof Parts,
    delta: number,
  ): void => {
    const name = Object.keys(limits)[0] as keyof WireLimits;
    const { bytes, at } = assemble(overrides);
    expect(createWalker({ ...DEFAULT_WIRE_LIMITS, [name]: limits[name]! + 1 })(bytes).ok, `${name} + 1`).toBe(true);
    const { ok, status, reason: why, offset } = createWalker({ ...DEFAULT_WIRE_LIMITS, ...limits })(bytes);
    expect({ ok, status, why, offset }).toEqual({ ok: false, status: 413, why: reason, offset: at[part] + delta });
  };
  const dropped = field(0x42, [0x09, ...fixed64(5), ...field(0x12, 'full')]);
  beyond({ clientIdBytesMax: 4 }, {}, 'client_id is longer than clientIdBytesMax', 'clientId', 2);
  beyond({ agentVersionBytesMax: 4 }, {}, 'agent_version is longer than agentVersionBytesMax', 'agentVersion', 2);
  beyond(
    { droppedMax: 1 },
    { dropped: [...dropped, ...dropped] },
    'more entries of dropped_total than droppedMax',
    'dropped',
    dropped.length,
  );
  beyond({ reasonBytesMax: 3 }, { dropped }, 'dropped_total.reason is longer than reasonBytesMax', 'dropped', 13);
  beyond({ symbolsMax: 9 }, {}, 'more symbols than symbolsMax', 'resource', -4);
  beyond({ nameBytesMax: 8 }, {}, 'a name is longer than nameBytesMax', 'series', 6);
  beyond({ keyBytesMax: 5 }, {}, 'a key is longer than keyBytesMax', 'series', 10);
  beyond({ unitBytesMax: 4 }, {}, 'a unit is longer than unitBytesMax', 'series', 3);
  beyond(
    { resourceMax: 1 },
    { resource: field(0x5a, [1, 2, 6, 7]) },
    'more pairs in the resource than resourceMax',
    'resource',
    4,
  );
  beyond({ seriesMax: 1 }, {}, 'more series than seriesMax', 'series', 6);
  beyond({ seriesBytesMax: 28 }, {}, 'a series says more than seriesBytesMax', 'series', 6);
  beyond({ resourceBytesMax: 8 }, {}, 'the resource says more than resourceBytesMax', 'resource', 2);
  beyond({ labelsPerSeriesMax: 1 }, {}, 'more labels of a series than labelsPerSeriesMax', 'series', 9);
  beyond(
    { unknownFieldsMax: 2 },
    { extra: [0x78, 0, 0x78, 0, 0x78, 0] },
    'more unknown fields than unknownFieldsMax',
    'extra',
    5,
  );
  const twoSweeps = { times: field(0x6a, [...fixed64(1), ...fixed64(2)]), values: field(0x72, doubles(1, 2, 3, 4)) };
  beyond({ sweepsMax: 1 }, twoSweeps, 'more sweeps than sweepsMax', 'times', 1);
});

it('enforces the limits that others depend on', () => {
  const { bytes, at } = assemble();
  const symbolLimits = { ...DEFAULT_WIRE_LIMITS, symbolBytesMax: 8, nameBytesMax: 8, keyBytesMax: 8, unitBytesMax: 8 };
  expect(createWalker(symbolLimits)(bytes)).toMatchObject({
    ok: false,
    status: 413,
    reason: 'a symbol is longer than symbolBytesMax',
    offset: at.symbols + 34,
  });
  const pointLimits = { ...DEFAULT_WIRE_LIMITS, pointsMax: 3, seriesMax: 2, sweepsMax: 2 };
  const twoSweeps = assemble({
    times: field(0x6a, [...fixed64(1), ...fixed64(2)]),
    values: field(0x72, doubles(1, 2, 3, 4)),
  });
  expect(createWalker(pointLimits)(twoSweeps.bytes)).toMatchObject({
    ok: false,
    status: 413,
    reason: 'more points than pointsMax',
    offset: twoSweeps.at.values + 1,
  });
  const byteLimits = {
    ...DEFAULT_WIRE_LIMITS,
    pointsMax: 2,
    seriesMax: 2,
    sweepsMax: 2,
    symbolBytesMax: 100,
    nameBytesMax: 100,
    keyBytesMax: 100,
  };
  expect(createWalker({ ...byteLimits, batchBytesMax: bytes.length })(bytes).ok).toBe(true);
  expect(createWalker({ ...byteLimits, batchBytesMax: bytes.length - 1 })(bytes)).toMatchObject({
    ok: false,
    status: 413,
    reason: 'the batch is longer than batchBytesMax',
    offset: bytes.length - 1,
  });
});
