import { describe, expect, it } from 'vitest';
import { available, queryInflux1, sharedInflux1, startInflux1 } from './index.ts';

async function write(url: string, lines: string): Promise<number> {
  const response = await fetch(`${url}/write?db=kept&precision=ns`, { method: 'POST', body: lines });
  await response.arrayBuffer();
  return response.status;
}

describe.runIf(await available('influx1'))('InfluxDB 1', () => {
  it('is shared by all who ask, and is version 1', async () => {
    const [one, other] = await Promise.all([sharedInflux1(), sharedInflux1()]);
    expect(other).toEqual(one);
    const response = await fetch(`${one.url}/ping`);
    expect(response.headers.get('x-influxdb-version')).toMatch(/^v?1\./);
  });

  it('keeps what was written, to the nanosecond, over kill9 and start', async () => {
    const influx = await startInflux1();
    const { url } = influx;
    await queryInflux1({ url, query: 'CREATE DATABASE kept' });
    expect(await write(url, 'cpu,host=a usage=1.5,n=3i 1800000000000000001\n')).toBe(204);
    await influx.kill9();
    await expect(fetch(`${url}/ping`)).rejects.toThrow('fetch failed');
    await influx.start();
    expect(await queryInflux1({ url, db: 'kept', query: 'SELECT * FROM cpu' })).toEqual([
      { name: 'cpu', columns: ['time', 'host', 'n', 'usage'], values: [['1800000000000000001', 'a', 3, 1.5]] },
    ]);
  });

  it('answers nothing while it is paused', async () => {
    const influx = await startInflux1();
    influx.pause();
    await expect(fetch(`${influx.url}/ping`, { signal: AbortSignal.timeout(200) })).rejects.toThrow('timeout');
    influx.resume();
    expect((await fetch(`${influx.url}/ping`)).status).toBe(204);
    await influx.stop();
  });

  it('takes settings: a limit of a body, and a user without whom nothing is answered', async () => {
    const influx = await startInflux1({ auth: true, config: { 'http.max-body-size': 100 } });
    await expect(queryInflux1({ url: influx.url, query: 'SHOW DATABASES' })).rejects.toThrow('unable to parse auth');
    await queryInflux1({ ...influx, query: 'CREATE DATABASE kept' });
    const headers = { authorization: `Basic ${btoa(`${influx.username}:${influx.password}`)}` };
    const body = 'cpu usage=1 1\n'.repeat(10);
    const response = await fetch(`${influx.url}/write?db=kept`, { method: 'POST', headers, body });
    expect(response.status).toBe(413);
  });

  it('rejects a query with the words of the server', async () => {
    const { url } = await sharedInflux1();
    await expect(queryInflux1({ url, query: 'SELECT' })).rejects.toThrow('error parsing query');
  });
});
