// Where the bytes on disk go: by dataset, by service, by attribute.

import type { SizesWire } from '../../api/wire';
import { formatBytes, formatCount, formatShare } from '../../model/format';
import { ServiceName } from '../../parts/Chip';
import { Icon } from '../../parts/Icon';
import { type Column, Table } from '../../parts/Table';

/** The largest; the API has the rest. */
const ROWS_SHOWN = 12;

type Dataset = SizesWire['datasets'][number];
type Service = SizesWire['services'][number];
type Attribute = SizesWire['attributes'][number];

export function Sizes({ sizes }: { sizes: SizesWire }) {
  const datasets: Column<Dataset>[] = [
    { key: 'dataset', head: 'Dataset', cell: row => <strong>{row.dataset}</strong> },
    { key: 'rows', head: 'Rows', num: true, cell: row => formatCount(row.rows) },
    { key: 'blocks', head: 'Blocks', num: true, cell: row => formatCount(row.blocks) },
    { key: 'index', head: 'Of it indexes', num: true, cell: row => formatBytes(row.index_bytes) },
    { key: 'row', head: 'A row', num: true, cell: row => `${Math.round(row.bytes_per_row)} B` },
    { key: 'bytes', head: 'Bytes', num: true, cell: row => <Share part={row.bytes} whole={sizes.bytes} /> },
  ];
  const services: Column<Service>[] = [
    { key: 'service', head: 'Service', cell: row => <ServiceName name={row.service} /> },
    { key: 'dataset', head: 'Dataset', cell: row => <span className="muted">{row.dataset}</span> },
    { key: 'rows', head: 'Rows', num: true, cell: row => formatCount(row.rows) },
    { key: 'bytes', head: 'Bytes', num: true, cell: row => <Share part={row.bytes} whole={sizes.bytes} /> },
  ];
  const attributes: Column<Attribute>[] = [
    { key: 'attribute', head: 'Attribute', cell: row => <code>{row.attribute}</code> },
    { key: 'dataset', head: 'Dataset', cell: row => <span className="muted">{row.dataset}</span> },
    { key: 'bytes', head: 'Bytes', num: true, cell: row => <Share part={row.bytes} whole={sizes.bytes} /> },
  ];
  return (
    <section className="card" aria-labelledby="settings-sizes">
      <h2 id="settings-sizes">
        On disk <span className="muted">{formatBytes(sizes.bytes)}</span>
      </h2>
      {sizes.advice.length > 0 && (
        <ul className="advice">
          {sizes.advice.map(words => (
            <li key={words}>
              <Icon name="info" />
              {words}
            </li>
          ))}
        </ul>
      )}
      <Table label="Bytes by dataset" rows={sizes.datasets} columns={datasets} rowKey={row => row.dataset} />
      {sizes.services.length > 0 && (
        <>
          <h3>By service, estimated</h3>
          <Table
            label="Bytes by service"
            rows={sizes.services.slice(0, ROWS_SHOWN)}
            columns={services}
            rowKey={row => `${row.dataset} ${row.service}`}
          />
        </>
      )}
      {sizes.attributes.length > 0 && (
        <>
          <h3>By attribute, estimated</h3>
          <Table
            label="Bytes by attribute"
            rows={sizes.attributes.slice(0, ROWS_SHOWN)}
            columns={attributes}
            rowKey={row => `${row.dataset} ${row.attribute}`}
          />
        </>
      )}
    </section>
  );
}

function Share({ part, whole }: { part: number; whole: number }) {
  return (
    <span className="share-cell">
      <span className="muted">{formatShare(part, whole)}</span>
      <span className="meter" aria-hidden="true">
        <i style={{ width: `${whole > 0 ? (part / whole) * 100 : 0}%` }} />
      </span>
      <span className="share-bytes">{formatBytes(part)}</span>
    </span>
  );
}
