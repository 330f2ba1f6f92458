/** The client_ids that only the collector may use. */
import { expect, test } from 'vitest';
import { isOwnClient, ownClientId } from '../src/own-clients.ts';

test('whatever a token or certificate is called, its client_id is one, and the collector knows it for its own', () => {
  for (const name of ['', 'backup', 'CN with spaces', 'ä/ö', 'x'.repeat(500)]) {
    expect(ownClientId(name)).toMatch(/^jsonl:[A-Za-z0-9._:-]{1,122}$/);
    expect(isOwnClient(ownClientId(name))).toBe(true);
  }
  expect(ownClientId('')).toBe('jsonl:local');
  expect(isOwnClient('web-1')).toBe(false);
});
