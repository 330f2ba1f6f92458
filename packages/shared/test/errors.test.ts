import { expect, test } from 'vitest';
import { ERROR_CODES, exitCodeOf, messageOf, MetricStreamError } from '../src/errors.ts';

test('a code decides the exit status and whether to try again, unless the thrower knows better', () => {
  const invalid = new MetricStreamError('config_invalid', 'no');
  expect([exitCodeOf(invalid), invalid.retryable]).toEqual([78, false]);
  expect(exitCodeOf(new MetricStreamError('unreachable', 'no'))).toBe(69);
  expect(new MetricStreamError('io', 'no', { retryable: false }).retryable).toBe(false);
  expect(exitCodeOf(new Error('anything'))).toBe(1);
  expect(new Set(Object.values(ERROR_CODES).map(({ exit }) => exit))).toEqual(new Set([1, 2, 69, 78]));
});

test('a message holds its causes, whatever was thrown', () => {
  const inner = new Error('disk full');
  expect(messageOf(new MetricStreamError('io', 'cannot write x', { cause: inner }))).toBe('cannot write x: disk full');
  expect(messageOf('plain')).toBe('plain');
  expect(messageOf({ a: 1n })).toBe('{ a: 1n }');
});
