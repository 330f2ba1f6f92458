/** The walker at the default limits, for checks that break one thing. */
import { expect } from 'vitest';
import { DEFAULT_WIRE_LIMITS } from '../src/limits.ts';
import { createWalker } from '../src/walk.ts';
import { assemble, type Parts } from './helpers.ts';

export const walk = createWalker(DEFAULT_WIRE_LIMITS);

/** Breaks parts of a good batch and expects this refusal, `delta` bytes into the part named. */
export function checkRefused(
  overrides: Partial<Parts>,
  status: number,
  reason: string,
  part: keyof Parts,
  delta = 0,
): void {
  const { bytes, at } = assemble(overrides);
  const { ok, status: seen, reason: why, offset } = walk(bytes);
  expect({ ok, status: seen, why, offset }).toEqual({ ok: false, status, why: reason, offset: at[part] + delta });
}

export function checkAccepted(overrides: Partial<Parts>): void {
  const { ok, reason } = walk(assemble(overrides).bytes);
  expect({ ok, reason }).toEqual({ ok: true, reason: '' });
}
