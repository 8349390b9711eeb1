"""Writes `files/brochure.pdf`, the attachment of the first welcome mail: one A5 page, made without any library.

python examples/make_brochure.py
"""

from pathlib import Path

WIDTH, HEIGHT = 420, 595  # A5 in points
TEXT = [
    "We buy green coffee from eleven farms that we visit,",
    "roast it by the harbour on Tuesdays, and send it out",
    "the same day.",
    "",
    "For homes: a bag when the old one is nearly empty.",
    "For work: beans, a grinder on loan, one invoice a month.",
    "For everyone: five cups on the table, every last Thursday.",
    "",
    "hello@fjord.example",
    "www.fjord.example",
]


def drawing() -> str:
    """The page's drawing operators: two bands of colour and the text, from the top down."""
    lines = "".join(f"({line}) Tj T*\n" for line in TEXT)
    return (
        f"1 0.99 0.97 rg 0 0 {WIDTH} {HEIGHT} re f\n"
        "0.09 0.22 0.23 rg 0 425 420 170 re f\n"
        "0.72 0.41 0.18 rg 0 417 420 8 re f\n"
        "BT /F2 34 Tf 0.96 0.91 0.85 rg 36 490 Td (Fjord Coffee) Tj ET\n"
        "BT /F1 13 Tf 36 462 Td (Roasted by the harbour in Bergen) Tj ET\n"
        f"BT /F1 13 Tf 0.2 0.19 0.17 rg 36 370 Td 21 TL\n{lines}ET\n"
    )


def brochure() -> bytes:
    """The whole PDF: objects, the table of their positions, and the trailer."""
    content = drawing()
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}endstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Bold >>",
        "<< /Title (Fjord Coffee) /Producer (make_brochure.py) >>",
    ]
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    count = len(objects) + 1
    trailer = f"trailer\n<< /Size {count} /Root 1 0 R /Info 7 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return f"{out}xref\n0 {count}\n0000000000 65535 f \n{table}{trailer}".encode("ascii")


if __name__ == "__main__":
    Path(__file__).with_name("files").joinpath("brochure.pdf").write_bytes(brochure())
