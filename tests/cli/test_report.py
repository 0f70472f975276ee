"""`closedform report` as users type it: the page, and what is refused before the search."""

DATA = ("--data", "rows.csv", "--target", "progression", "--time-limit", "1")


def test_the_page_is_written_and_named(ask, made):
    status, told = ask("report", "small.skops", *DATA, "-o", "small.html", "--title", "Progression")
    assert status == 0, told
    text = (made / "small.html").read_text("utf-8")
    assert told["bytes"] == len(text.encode()) and told["page"] == "small.html"
    assert "<h1>Progression</h1>" in text and "The exact formula and the model agree." in text


def test_a_folder_that_is_not_there_is_refused(run):
    status, _, err = run("report", "small.skops", *DATA, "-o", "absent/page.html")
    assert status == 2 and "no file can be made" in err
