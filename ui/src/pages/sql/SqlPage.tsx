export function SqlPage() {
  return <h1 className="page-title">Sql</h1>;
}
