import { expect, test } from 'vitest';
import { isLoopback, listenText, parseListen } from '../../src/config/listen.ts';

test.each(['127.0.0.1:7440', '0.0.0.0:0', '[::1]:7440', '[::]:65535', 'localhost:1', 'ingest-1.example:7440'])(
  '%s is an address, and written back the same',
  (text) => {
    const parsed = parseListen(text);
    expect(parsed.ok && listenText(parsed.value)).toBe(text);
  },
);

test.each([
  '',
  '7440',
  ':7440',
  '127.0.0.1',
  '127.0.0.1:',
  '127.0.0.1:x',
  '127.0.0.1:65536',
  '127.0.0.1:-1',
  '::1',
  '::1:80',
  '[::1]',
  '[127.0.0.1]:80',
  '1.2.3:80',
  '999.0.0.1:80',
  'a b:80',
  '-a:80',
  'http://x:80',
  `${'a'.repeat(300)}:80`,
])('%s is none', (text) => {
  expect(parseListen(text).ok).toBe(false);
});

test('only addresses of this machine are loopback', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'LOCALHOST', '::ffff:127.0.0.1'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'ingest', '127.0.0.1.example'].some(isLoopback)).toBe(false);
});
