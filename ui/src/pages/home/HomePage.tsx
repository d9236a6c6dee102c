export function HomePage() {
  return <h1 className="page-title">Home</h1>;
}
