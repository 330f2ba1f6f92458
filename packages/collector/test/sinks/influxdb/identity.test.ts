/** Names as InfluxDB has them: each decision, and that no two series become one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  escapeMeasurement,
  escapeTag,
  lineKey,
  quoteString,
  resourceTags,
  seriesTags,
  tagKey,
  tagValue,
  telegrafField,
} from '../../../src/sinks/influxdb/identity.ts';

describe('a tag key', () => {
  it.each([
    ['device', 'device'],
    ['host', 'label_host'],
    ['datacenter', 'label_datacenter'],
    ['metric_name', 'label_metric_name'],
    ['time', 'label_time'],
    ['value', 'label_value'],
    ['unit', 'label_unit'],
    ['_field', 'label__field'],
    ['_measurement', 'label__measurement'],
    ['_start', 'label__start'],
    ['label_host', 'label_label_host'],
    ['label_label_time', 'label_label_label_time'],
    ['label_device', 'label_device'],
    ['hostname', 'hostname'],
  ])('for %s is %s', (key, expected) => {
    expect(tagKey(key)).toBe(expected);
  });

  it('stands for one key only', () => {
    const word = fc.oneof(
      fc.constantFrom('host', 'time', 'a'),
      fc.stringMatching(/^(?:label_){0,3}(?:host|time|unit|x)$/),
    );
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(tagKey(a) === tagKey(b)).toBe(a === b);
      }),
    );
  });
});

describe('a tag value', () => {
  it.each([
    ['plain', 'plain'],
    [String.raw`C:\ `.trim(), String.raw`C:\.`],
    [String.raw`C:\.`, String.raw`C:\..`],
    [String.raw`\\a`, String.raw`\\a`],
    [String.raw`a\\ `.trim(), String.raw`a\\.`],
    ['a.', 'a.'],
    ['a\nb\r', 'a\ufffdb\ufffd'],
  ])('for %j is %j', (value, expected) => {
    expect(tagValue(value)).toBe(expected);
  });

  it('stands for one value only, line breaks aside', () => {
    const value = fc.stringMatching(/^[a\\.]{0,6}$/);
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(tagValue(a) === tagValue(b)).toBe(a === b);
      }),
    );
  });
});

describe('the tags of a series', () => {
  const tags = (resource: [string, string][], labels: [string, string][], name?: string) =>
    seriesTags(resourceTags('web-1', resource), labels, name);

  it('are sorted, with the client id as host where the client sends none', () => {
    expect(tags([['team', 'db']], [['device', 'sda']], 'disk.used')).toEqual([
      ['device', 'sda'],
      ['host', 'web-1'],
      ['metric_name', 'disk.used'],
      ['team', 'db'],
    ]);
    expect(tags([['host', '']], [])).toEqual([['host', 'web-1']]);
    expect(
      tags(
        [
          ['host', 'a.example'],
          ['datacenter', 'fra'],
        ],
        [],
      ),
    ).toEqual([
      ['datacenter', 'fra'],
      ['host', 'a.example'],
    ]);
  });

  it('give a label its own place beside the host, and above a resource tag of its key', () => {
    expect(
      tags(
        [
          ['host', 'a'],
          ['team', 'db'],
        ],
        [
          ['host', 'b'],
          ['team', 'web'],
        ],
      ),
    ).toEqual([
      ['host', 'a'],
      ['label_host', 'b'],
      ['team', 'web'],
    ]);
  });

  it('leave empty values out', () => {
    expect(tags([['rack', '']], [['device', '']])).toEqual([['host', 'web-1']]);
  });
});

describe('measurement and field', () => {
  it.each([
    ['cpu.usage_user', 'cpu', 'usage_user'],
    ['cpu.a.b', 'cpu', 'a.b'],
    ['uptime', 'uptime', 'value'],
    ['uptime.value', 'uptime.value', 'value'],
    ['uptime.', 'uptime.', 'value'],
    ['disk.time', 'disk.time', 'value'],
    ['x._field', 'x._field', 'value'],
    ['x.value.y', 'x', 'value.y'],
  ])('of %s are %s and %s', (name, measurement, field) => {
    expect(telegrafField(name)).toEqual({ measurement, field });
  });

  it('stand for one name only', () => {
    const name = fc.stringMatching(/^[ab](?:\.|\.value|\.time|\.b){0,3}$/);
    const key = (of: string) => JSON.stringify(Object.values(telegrafField(of)));
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(key(a) === key(b)).toBe(a === b);
      }),
    );
  });
});

describe('what stands in a line', () => {
  it('is escaped where line protocol would read it as its own', () => {
    expect(escapeTag('a b,c=d')).toBe(String.raw`a\ b\,c\=d`);
    expect(escapeMeasurement('a b,c=d')).toBe(String.raw`a\ b\,c=d`);
    expect(escapeMeasurement('#a')).toBe(String.raw`\#a`);
    expect(quoteString('a "b" \\ c\nd')).toBe(String.raw`"a \"b\" \\ c` + '\ufffdd"');
    expect(lineKey('m', [['k k', 'v,v']])).toBe(String.raw`m,k\ k=v\,v`);
  });
});
