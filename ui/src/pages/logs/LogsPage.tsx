export function LogsPage() {
  return <h1 className="page-title">Logs</h1>;
}
