/** How the limits relate. */
import { expect, it } from 'vitest';
import { assertWireLimits, DEFAULT_WIRE_LIMITS, type WireLimits } from '../src/limits.ts';

function checkContradiction(limits: Partial<WireLimits>, message: RegExp): void {
  expect(() => assertWireLimits({ ...DEFAULT_WIRE_LIMITS, ...limits })).toThrow(message);
}

it('the defaults do not contradict each other', () => {
  expect(() => assertWireLimits(DEFAULT_WIRE_LIMITS)).not.toThrow();
});

it('names the limit that is no positive whole number', () => {
  for (const value of [0, -1, 1.5, Number.NaN, Infinity])
    checkContradiction({ sweepsMax: value }, /wire limit sweepsMax is/);
});

it('names both limits that contradict each other', () => {
  checkContradiction({ clientIdBytesMax: 129 }, /clientIdBytesMax is 129; it must not exceed 128/);
  checkContradiction({ nameBytesMax: 1025 }, /nameBytesMax is 1025; it must not exceed symbolBytesMax, 1024/);
  checkContradiction({ keyBytesMax: 1025 }, /keyBytesMax/);
  checkContradiction({ unitBytesMax: 1025 }, /unitBytesMax/);
  checkContradiction({ symbolBytesMax: 9e6 }, /symbolBytesMax is 9000000; it must not exceed batchBytesMax/);
  checkContradiction({ sweepsMax: 1_000_001 }, /sweepsMax is 1000001; it must not exceed pointsMax/);
  checkContradiction({ pointsMax: 16_000, sweepsMax: 1 }, /seriesMax is 16384; it must not exceed pointsMax/);
  checkContradiction({ pointsMax: 2_000_000 }, /pointsMax × 8 is 16000000; it must not exceed batchBytesMax/);
  checkContradiction({ symbolsMax: 2 ** 21 }, /symbolsMax/);
  checkContradiction({ seriesMax: 2 ** 20 + 1, pointsMax: 2 ** 20 + 1, batchBytesMax: 2 ** 24 }, /seriesMax/);
  checkContradiction({ batchBytesMax: 64 * 1024 * 1024 }, /a record of batchBytesMax/);
});
