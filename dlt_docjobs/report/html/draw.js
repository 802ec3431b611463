// Draws every chart into its container. Hovering is extra: what a chart says stands beside it.
const config = JSON.parse(document.getElementById("chart-config").textContent);
const draw = async (container) => {
  const source = document.getElementById(container.id + "-spec").textContent;
  try {
    await vegaEmbed(container, JSON.parse(source), {
      mode: "vega-lite",
      renderer: "svg",
      actions: false,
      // expressions are interpreted: the page's policy forbids code made from text
      ast: true,
      config,
      defaultStyle: false,
      tooltip: { theme: "docjobs" },
    });
    container.dataset.state = "drawn";
  } catch (error) {
    container.dataset.state = "failed";
    container.textContent = "This chart could not be drawn; the table below has its data.";
    console.error(error);
  }
};
// one after the other: meanwhile the page can be read and scrolled
const drawAll = async () => {
  for (const container of document.querySelectorAll(".chart")) {
    await draw(container);
    await new Promise((resolve) => setTimeout(resolve));
  }
  document.documentElement.dataset.charts = "done";
};
drawAll();
