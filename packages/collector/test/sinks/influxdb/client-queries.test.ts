/** InfluxQL on a real 1.6; the API of 2.x; Flux answers as 2.x gives them. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { available, sharedInflux1, startInflux1, startInflux2StandIn } from '../../../../../test/services/index.ts';
import { answerIn, createInfluxdbClient } from '../../../src/sinks/influxdb/client.ts';
import { createDatabase, settingsFor1, settingsFor2 } from './helpers.ts';
import { closed, failureOf, talk } from './talk.ts';

describe.runIf(await available('sharedInflux1'))('InfluxQL on a real 1.6', () => {
  it('gives the series of each statement, and exact numbers', async () => {
    const { url } = await sharedInflux1();
    const client = createInfluxdbClient(settingsFor1(url, await createDatabase(url)));
    await client.write(Buffer.from('m,host=a v=9223372036854775807i,w=0.5 1759579200000000001\n'));
    const answers = await client.influxql('SELECT v, w FROM m GROUP BY host; SHOW MEASUREMENTS', { epoch: 'ns' });
    expect(answers).toEqual([
      [
        {
          name: 'm',
          tags: { host: 'a' },
          columns: ['time', 'v', 'w'],
          values: [[1_759_579_200_000_000_001n, 9_223_372_036_854_775_807n, 0.5]],
        },
      ],
      [{ name: 'measurements', columns: ['name'], values: [['m']] }],
    ]);
    expect((await client.ping()).version).toMatch(/^1\./);
    client.close();
  });

  it('fails with the words of the server, whether for all or for one statement', async () => {
    const { url } = await sharedInflux1();
    const client = createInfluxdbClient(settingsFor1(url, await createDatabase(url)));
    const wrong = await failureOf(client.influxql('SELEC'));
    expect(answerIn(wrong)).toMatchObject({ status: 400, words: expect.stringContaining('found SELEC') as string });
    const nowhere = await failureOf(client.influxql('SHOW DATABASES; SELECT * FROM m', { database: 'nowhere' }));
    expect(nowhere.message).toContain('database not found: nowhere');
    expect(nowhere.retryable).toBe(false);
    client.close();
  });
});

describe.runIf(await available('influx1'))('InfluxQL on a real 1.6 with a limit of rows', () => {
  it('fails when the answer was cut short', async () => {
    const server = await startInflux1({ config: { 'http.max-row-limit': 5 } });
    onTestFinished(() => server.stop());
    const client = createInfluxdbClient(settingsFor1(server.url, await createDatabase(server.url)));
    onTestFinished(() => client.close());
    await client.write(Buffer.from(Array.from({ length: 8 }, (_, at) => `m v=${at} ${at + 1}\n`).join('')));
    const [[found] = []] = await client.influxql('SELECT v FROM m LIMIT 4');
    expect(found?.values.length).toBe(4);
    const error = await failureOf(client.influxql('SELECT v FROM m'));
    expect(error.code).toBe('limit');
    expect(error.message).toContain('max-row-limit');
  });
});

describe('the API of 2.x', () => {
  it('gives status and JSON of any call', async () => {
    const server = await startInflux2StandIn();
    const client = createInfluxdbClient(settingsFor2(server));
    const found = await client.api({ method: 'GET', path: '/api/v2/buckets?name=metrics' });
    expect(found).toMatchObject({ status: 200, json: { buckets: [{ name: 'metrics' }] } });
    expect(await client.api({ method: 'GET', path: '/api/v2/buckets?name=none' })).toMatchObject({
      status: 404,
      words: 'bucket "none" not found',
      json: { code: 'not found' },
    });
    const flux = await failureOf(client.flux('from(bucket: "metrics")'));
    expect(answerIn(flux)?.status).toBe(501);
    client.close();
  });

  it('reads the tables of a Flux answer, and the error that comes in the middle of one', async () => {
    const table =
      '#datatype,string,long,dateTime:RFC3339,double\r\n#group,false,false,false,false\r\n#default,_result,,,\r\n,result,table,_time,_value\r\n,,0,2025-10-04T12:00:00.000000001Z,1.5\r\n\r\n';
    const fault =
      '#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,memory limit,\r\n\r\n';
    const answers = [table, table + fault];
    const target = { version: 2, org: 'o', bucket: 'b', rollupBucket: 'c', token: 't' } as const;
    const { client, heard } = await talk(
      (response) => void response.writeHead(200, { 'content-type': 'text/csv; charset=utf-8' }).end(answers.shift()),
      { target },
    );
    expect(await client.flux('x')).toEqual([
      { result: '_result', table: 0, _time: '2025-10-04T12:00:00.000000001Z', _value: 1.5 },
    ]);
    expect((await failureOf(client.flux('x'))).message).toContain('memory limit');
    expect(heard[0]!.request.headers.authorization).toBe('Token t');
  });

  it.each([
    ['in a line', '#datatype,a\n#group,a,b,c\n,x\n'],
    ['in a last line without an end', '#datatype,a\n#group,a,b,c'],
  ])('fails of a Flux answer that is none, %s', async (_where, text) => {
    const target = { version: 2, org: 'o', bucket: 'b', rollupBucket: 'c', token: 't' } as const;
    const { client } = await talk((response) => void response.writeHead(200).end(text), { target });
    expect((await failureOf(client.flux('x'))).code).toBe('unreachable');
  });

  it('and Flux end at the deadline', async () => {
    const target = { version: 2, org: 'o', bucket: 'b', rollupBucket: 'c', token: 't' } as const;
    const { client, sockets } = await talk(() => undefined, { target });
    expect((await failureOf(client.flux('x', { timeoutMs: 100 }))).code).toBe('timeout');
    await closed(sockets);
  });
});
