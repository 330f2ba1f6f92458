import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AdminRoute, healthRoute, readyRoute, startAdminServer } from '../src/admin-server.ts';
import { silentLog } from '../src/log.ts';

async function admin(routes: Record<string, AdminRoute>): Promise<string> {
  const listen = { host: '127.0.0.1', port: 0 };
  const server = await startAdminServer({ listen, routes, log: silentLog, option: 'admin.listen' });
  onTestFinished(() => server.close());
  return `http://${server.address}`;
}

describe('the admin server', () => {
  it('serves JSON and text, and says in the log where it listens', async () => {
    const lines: unknown[] = [];
    const log = { ...silentLog, info: (message: string, fields: unknown) => lines.push([message, fields]) };
    const routes: Record<string, AdminRoute> = {
      '/status': (query) => ({ json: { deep: { n: 1 }, q: query.get('q') } }),
      '/metrics': () => Promise.resolve({ text: 'up 1\n', contentType: 'text/plain; version=0.0.4' }),
    };
    const server = await startAdminServer({ listen: { host: '127.0.0.1', port: 0 }, routes, log, option: 'o' });
    onTestFinished(() => server.close());
    expect(lines).toEqual([['admin listening', { address: server.address }]]);
    const status = await fetch(`http://${server.address}/status?q=%20x`);
    expect(status.headers.get('content-type')).toBe('application/json');
    expect(await status.json()).toEqual({ deep: { n: 1 }, q: ' x' });
    const metrics = await fetch(`http://${server.address}/metrics`);
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    expect(await metrics.text()).toBe('up 1\n');
  });

  it.each(['', 'GET /status HT'])(
    'gives a head 5 s: %j ends then, and its place is free',
    { timeout: 20_000 },
    async (begun) => {
      const url = new URL(await admin({}));
      const beganMs = performance.now();
      const socket = connect({ host: url.hostname, port: Number(url.port) }, () => void socket.write(begun));
      socket.resume();
      await once(socket, 'close');
      const tookMs = performance.now() - beganMs;
      expect(tookMs).toBeGreaterThan(4000);
      expect(tookMs).toBeLessThan(10_000);
    },
  );

  it('answers readiness with 200, or with 503 and every reason', async () => {
    let reasons: string[] = [];
    const url = await admin({ '/readyz': readyRoute(() => reasons), '/healthz': healthRoute });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    reasons = ['one', 'two'];
    const answer = await fetch(`${url}/readyz`);
    expect([answer.status, await answer.json()]).toEqual([503, { ready: false, reasons: ['one', 'two'] }]);
  });

  it('knows only its routes, only GET and HEAD', async () => {
    const url = await admin({ '/healthz': healthRoute });
    for (const path of ['/', '/healthz/', '/constructor', '/__proto__', '/healthz%00'])
      expect((await fetch(url + path)).status, path).toBe(404);
    const post = await fetch(`${url}/healthz`, { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const head = await fetch(`${url}/healthz`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('on a loopback address answers to addresses and localhost only: no page may point its own name there', async () => {
    const url = new URL(await admin({ '/status': () => ({ json: 1 }) }));
    const statusFor = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const sent = request({ host: url.hostname, port: url.port, path: '/status', headers: { host } }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        sent.on('error', reject);
        sent.end();
      });
    for (const host of [url.host, '127.0.0.1', 'LocalHost', 'localhost:7441', '[::1]:7441', 'a.localhost', '10.0.0.1'])
      expect(await statusFor(host), host).toBe(200);
    for (const host of ['evil.example', 'evil.example:7441', '127.0.0.1.evil.example', 'localhost.evil.example', 'x@y'])
      expect(await statusFor(host), host).toBe(421);
  });

  it('answers 500 for a route that throws, and lives on', async () => {
    const url = await admin({
      '/bad': () => {
        throw new Error('no such thing');
      },
      '/healthz': healthRoute,
    });
    const bad = await fetch(`${url}/bad`);
    expect([bad.status, await bad.json()]).toEqual([500, { error: 'no such thing' }]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('names the address and the option when the port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const listen = { host: '127.0.0.1', port };
    const starting = startAdminServer({ listen, routes: {}, log: silentLog, option: 'admin.listen' });
    await expect(starting).rejects.toMatchObject({ code: 'port_taken' });
    await expect(starting).rejects.toThrow(`admin.listen: another program listens on 127.0.0.1:${port}`);
  });

  it('says so when the address is not of this machine', async () => {
    const listen = { host: '192.0.2.1', port: 0 };
    const starting = startAdminServer({ listen, routes: {}, log: silentLog, option: 'admin.listen' });
    await expect(starting).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('closes though a client holds its connection', async () => {
    const server = await startAdminServer({
      listen: { host: '127.0.0.1', port: 0 },
      routes: { '/healthz': healthRoute },
      log: silentLog,
      option: 'admin.listen',
    });
    const held = request(`http://${server.address}/healthz`, { headers: { expect: '100-continue' } });
    held.on('error', () => undefined);
    await new Promise<void>((resolve) => held.on('socket', (socket) => socket.on('connect', () => resolve())));
    await expect(server.close()).resolves.toBeUndefined();
    held.destroy();
  });
});
