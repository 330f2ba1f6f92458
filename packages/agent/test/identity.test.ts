import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clientIdentity, madeUpClientId } from '../src/identity.ts';
import { tempDir } from './support.ts';

describe('the client_id', () => {
  it('is made once, kept with mode 0600, and found again', () => {
    const stateDir = tempDir();
    const first = clientIdentity({ configured: '', host: 'web-1', stateDir });
    expect(first).toMatch(/^web-1-[0-9a-f]{8}$/);
    expect(statSync(join(stateDir, 'client_id')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(stateDir, 'client_id'), 'utf8')).toBe(`${first}\n`);
    expect(clientIdentity({ configured: '', host: 'other', stateDir })).toBe(first);
  });

  it('that is configured is used and not kept', () => {
    const stateDir = tempDir();
    const made = clientIdentity({ configured: '', host: 'web-1', stateDir });
    expect(clientIdentity({ configured: 'given', host: 'web-1', stateDir })).toBe('given');
    expect(clientIdentity({ configured: '', host: 'web-1', stateDir })).toBe(made);
  });

  it.each([
    ['web 1.example', /^web-1.example-[0-9a-f]{8}$/],
    ['wéb', /^w-b-[0-9a-f]{8}$/],
    ['', /^host-[0-9a-f]{8}$/],
    ['jsonl:x', /^jsonl-x-[0-9a-f]{8}$/],
    ['x'.repeat(300), /^x{100}-[0-9a-f]{8}$/],
  ])('made from the host name %j stays in its alphabet', (host, expected) => {
    expect(madeUpClientId(host)).toMatch(expected);
  });

  it('that was damaged on disk stops the start instead of changing the client', () => {
    const stateDir = tempDir();
    writeFileSync(join(stateDir, 'client_id'), '\0\0\0');
    expect(() => clientIdentity({ configured: '', host: 'web-1', stateDir })).toThrow(/holds no client_id/);
  });

  it('that cannot be kept is an error that names the file', () => {
    const stateDir = join(tempDir(), 'file');
    writeFileSync(stateDir, '');
    expect(() => clientIdentity({ configured: '', host: 'web-1', stateDir })).toThrow(/client_id/);
  });
});
