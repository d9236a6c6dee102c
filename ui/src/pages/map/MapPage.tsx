export function MapPage() {
  return <h1 className="page-title">Map</h1>;
}
