//! Draws the dashboard's panels as a picture, from what Prometheus has.

use std::fmt::Write as _;

use serde_json::Value;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 200.0;
const COLOURS: [&str; 6] = [
    "#3274d9", "#e0752d", "#299c46", "#a352cc", "#c4162a", "#5c6773",
];

/// A panel with its lines.
pub(crate) struct Panel {
    title: String,
    unit: String,
    lines: Vec<PanelLine>,
}

struct PanelLine {
    name: String,
    /// Seconds and values.
    points: Vec<(f64, f64)>,
}

impl Panel {
    /// A panel without lines.
    pub(crate) fn new(title: &str, unit: &str) -> Self {
        Self {
            title: title.to_owned(),
            unit: unit.to_owned(),
            lines: Vec::new(),
        }
    }

    /// Adds the series of a range query, whose names are made as Grafana makes them from this format.
    pub(crate) fn add(&mut self, legend: &str, series: &[Value]) {
        self.lines.extend(series.iter().map(|series| {
            let labels = series["metric"].as_object().unwrap().iter();
            let name = labels.fold(legend.to_owned(), |name, (label, value)| {
                name.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap())
            });
            let points = series["values"].as_array().unwrap().iter();
            let points = points.map(|point| {
                let value: f64 = point[1].as_str().unwrap().parse().unwrap();
                (point[0].as_f64().unwrap(), value)
            });
            PanelLine {
                name,
                points: points.filter(|(_, value)| value.is_finite()).collect(),
            }
        }));
    }

    fn draw(&self, svg: &mut String, x: f64, y: f64) {
        let all = || self.lines.iter().flat_map(|line| &line.points);
        let first = all().map(|point| point.0).fold(f64::INFINITY, f64::min);
        let last = all().map(|point| point.0).fold(first + 1.0, f64::max);
        let most = all().map(|point| point.1).fold(0.001, f64::max);
        writeln!(
            svg,
            r##"<g transform="translate({x},{y})">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff" stroke="#d8d9da"/>
<text x="10" y="18" font-weight="bold">{}</text>
<text x="10" y="34" fill="#767980">{}, up to {most:.3}</text>"##,
            self.title, self.unit
        )
        .unwrap();
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let points = line.points.iter().map(|(time, value)| {
                let x = 10.0 + (time - first) / (last - first) * (WIDTH - 20.0);
                let y = 160.0 - value / most * 115.0;
                format!("{x:.1},{y:.1}")
            });
            let points = points.collect::<Vec<_>>().join(" ");
            writeln!(
                svg,
                r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>"#
            )
            .unwrap();
        }
        let mut at = 10.0;
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let name = &line.name;
            writeln!(
                svg,
                r#"<text x="{at}" y="185" fill="{colour}">{name}</text>"#
            )
            .unwrap();
            at += 20.0 + 6.0 * f64::from(u32::try_from(name.len()).unwrap());
        }
        svg.push_str("</g>\n");
    }
}

/// All panels, two in a row.
pub(crate) fn draw(panels: &[Panel]) -> String {
    let rows = f64::from(u32::try_from(panels.len().div_ceil(2)).unwrap());
    let (width, height) = (2.0 * WIDTH + 30.0, rows * (HEIGHT + 10.0) + 10.0);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">
<rect width="{width}" height="{height}" fill="#f4f5f5"/>
"##
    );
    let (mut x, mut y) = (10.0, 10.0);
    for panel in panels {
        panel.draw(&mut svg, x, y);
        if x > WIDTH {
            (x, y) = (10.0, y + HEIGHT + 10.0);
        } else {
            x += WIDTH + 10.0;
        }
    }
    svg + "</svg>\n"
}
