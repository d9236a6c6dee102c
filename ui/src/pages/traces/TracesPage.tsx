export function TracesPage() {
  return <h1 className="page-title">Traces</h1>;
}
