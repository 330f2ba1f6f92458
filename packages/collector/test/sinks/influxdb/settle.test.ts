/** Lines that make the server fail, and a server that fails by itself, on a stand-in for 2.7.12: only the former are lost. */
import { describe, expect, it } from 'vitest';
import { startInflux2StandIn } from '../../../../../test/services/index.ts';
import { lossesOf, lost, manyRecords, openSink, recordOf, seriesOf, settingsFor2 } from './helpers.ts';

async function open() {
  const server = await startInflux2StandIn();
  return { server, ...(await openSink(settingsFor2(server))) };
}

/** The values of a stand-in's points, in order. */
function valuesOf(server: Awaited<ReturnType<typeof open>>['server']): number[] {
  return server
    .points()
    .map(({ fields }) => Number(fields['value']?.value))
    .sort((a, b) => a - b);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe('a 500', () => {
  const attempts = async (write: () => Promise<unknown>, count: number): Promise<unknown[]> => {
    const outcomes: unknown[] = [];
    for (let at = 0; at < count; at++) outcomes.push(await write());
    return outcomes;
  };

  it('that passes costs nothing but time', async () => {
    const { server, write } = await open();
    server.fault({ status: 500, times: 2 });
    const record = recordOf();
    expect(await attempts(() => write(record), 3)).toMatchObject([
      { kind: 'retry' },
      { kind: 'retry' },
      { kind: 'stored', losses: [] },
    ]);
    expect(valuesOf(server)).toEqual([1]);
  });

  it('for one body again and again is searched down to the line, which is lost alone', async () => {
    const { server, write } = await open();
    server.fault({
      status: 500,
      message: 'panic',
      times: Infinity,
      when: (body) => body.includes('at=7,') && /at=7,[^\n]*host=host-3,/.test(body),
    });
    const records = manyRecords(200, 60);
    const outcomes = await attempts(() => write(...records), 3);
    expect(outcomes).toMatchObject([{ kind: 'retry' }, { kind: 'retry' }, { kind: 'stored' }]);
    expect(outcomes[2]).toMatchObject({
      losses: [{ index: 3, points: 1, text: expect.stringContaining('at=7,') as string }],
    });
    expect(valuesOf(server)).toEqual(upTo(12_000).filter((value) => value !== 3 * 60 + 7));
    expect(server.writes.length).toBeLessThan(50);
  });

  it('for everything loses nothing, and is asked about seldom', async () => {
    const { server, write } = await open();
    server.fault({ status: 500, times: Infinity });
    const records = manyRecords(200, 60);
    const outcomes = await attempts(() => write(...records), 5);
    expect(outcomes.every((outcome) => (outcome as { kind: string }).kind === 'retry')).toBe(true);
    expect(server.writes.length).toBeLessThan(300);
    server.heal();
    expect(await write(...records)).toEqual({ kind: 'stored', losses: [] });
    expect(valuesOf(server)).toEqual(upTo(12_000));
  });

  it('for everything, once some of the delivery was stored, loses nothing and is asked about seldom', async () => {
    const { server, write } = await open();
    const records = manyRecords(100, 60);
    server.fault({ status: 500, message: 'odd', times: Infinity, when: () => server.points().length >= 1500 });
    // All is taken for a while, and then no more, as by a server that is full.
    server.fault({ status: 500, message: 'odd', times: Infinity, when: (body) => body.length > 50_000 });
    const outcomes = await attempts(() => write(...records), 6);
    expect(outcomes).toEqual(Array(6).fill(expect.objectContaining({ kind: 'retry' })));
    expect(JSON.stringify(outcomes[2])).toContain('odd (of a line, too, that it took before)');
    expect(server.points().length).toBeLessThan(3000);
    expect(server.writes.length).toBeLessThan(150);
    server.heal();
    expect(await write(...records)).toEqual({ kind: 'stored', losses: [] });
    expect(valuesOf(server)).toEqual(upTo(6000));
  });

  it.each([
    ['before', 0],
    ['after', 1],
  ])('for one line loses it only while a good line is taken, here not right %s it', async (_when, taken) => {
    const { server, write } = await open();
    const isBad = (body: string): boolean => /at=7,[^\n]*host=host-1,/.test(body);
    const lines = (body: string): number => body.trimEnd().split('\n').length;
    server.fault({ status: 500, message: 'panic', times: Infinity, when: isBad });
    const records = manyRecords(2, 60);
    await attempts(() => write(...records), 2);
    // Each point of the delivery but one is stored once; what is stored after that is a good line again.
    let again = 0;
    server.fault({
      status: 500,
      message: 'odd',
      times: Infinity,
      when: (body) => server.points().length === 119 && !isBad(body) && lines(body) <= 2 && ++again > taken,
    });
    expect(await write(...records)).toMatchObject({ kind: 'retry' });
    expect(again).toBe(taken + 1);
    server.heal();
    expect(await write(...records)).toEqual({ kind: 'stored', losses: [] });
    expect(valuesOf(server)).toEqual(upTo(120));
  });

  it('that ends while lines are looked for loses none of them', async () => {
    const { server, write } = await open();
    const records = manyRecords(2, 60);
    server.fault({ status: 500, times: 2 + 12 });
    expect(await attempts(() => write(...records), 3)).toMatchObject([
      { kind: 'retry' },
      { kind: 'retry' },
      { kind: 'stored', losses: [] },
    ]);
    expect(valuesOf(server)).toEqual(upTo(120));
  });

  it('for every line of a record loses those alone, within bounds', async () => {
    const { server, write } = await open();
    server.fault({ status: 500, message: 'panic', times: Infinity, when: (body) => body.includes('host=bad') });
    const series = upTo(400).map((at) => seriesOf(`a.f${at}`));
    const hostile = recordOf({ clientId: 'bad', values: series.map(() => -1), series });
    const records = [...manyRecords(20, 10), hostile];
    const outcomes = (await attempts(() => write(...records), 3)) as Awaited<ReturnType<typeof write>>[];
    const losses = lossesOf(outcomes[2]!);
    expect(new Set(losses.map(({ index }) => index))).toEqual(new Set([20]));
    expect(lost(losses)).toBe(400);
    expect(valuesOf(server)).toEqual(upTo(200));
    expect(server.writes.length).toBeLessThan(400);
  });
});
