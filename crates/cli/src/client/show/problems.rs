//! What is wrong with a file, what only the caller can answer, and how often each rule was broken.
//! Deliberately no advice of our own: the server words it.

use std::io::{self, Write};

use proto::ingestion::{Problem, Question, RuleTotal};

use crate::{
    table::{PAGE_WIDTH, Table},
    text::{clean, count, shorten, wrap},
};

type Out<'a> = &'a mut dyn Write;

/// Longest piece of a file that is quoted.
const QUOTED: usize = 40;

/// Problems under a title, if there are any.
pub(super) fn problems(out: Out<'_>, title: &str, problems: &[Problem]) -> io::Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for problem in problems {
        paragraph(out, &line(problem))?;
    }
    Ok(())
}

/// Questions with their answers, which are there to be copied and so stand on lines of their own.
pub(super) fn questions(out: Out<'_>, questions: &[Question]) -> io::Result<()> {
    if questions.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nquestions, each with its answers")?;
    for question in questions {
        let place = if question.column.is_empty() {
            String::new()
        } else {
            format!("column {}: ", shorten(&question.column, QUOTED))
        };
        paragraph(
            out,
            &format!("{place}{} [{}]", question.text, question.rule),
        )?;
        for answer in &question.answers {
            writeln!(out, "      {}", clean(answer))?;
        }
    }
    Ok(())
}

/// How often each rule was broken, if any was.
pub(super) fn totals(out: Out<'_>, totals: &[RuleTotal]) -> io::Result<()> {
    if totals.is_empty() {
        return Ok(());
    }
    let mut table = Table::new().left("rule").right("times broken");
    for total in totals {
        table.row([total.rule.as_str(), &count(total.count)]);
    }
    writeln!(out)?;
    table.print(out)
}

/// One problem in a line: where, what, what to do, how it should stand.
pub(super) fn line(problem: &Problem) -> String {
    let mut place = Vec::new();
    if problem.row > 0 {
        place.push(format!("row {}", problem.row));
    }
    if !problem.column.is_empty() {
        place.push(format!("column {}", shorten(&problem.column, QUOTED)));
    }
    if !problem.value.is_empty() {
        place.push(format!("{:?}", shorten(&problem.value, QUOTED)));
    }
    if place.is_empty() {
        place.push("file".to_owned());
    }
    let fix = if problem.fix.is_empty() {
        String::new()
    } else {
        format!(" (probably {:?})", shorten(&problem.fix, QUOTED))
    };
    format!(
        "{}: {}{fix} [{}]",
        place.join(", "),
        sentence(&problem.message, &problem.suggestion),
        problem.rule
    )
}

/// What is wrong and what to do, whether or not the first ends as a sentence does.
fn sentence(message: &str, suggestion: &str) -> String {
    if suggestion.is_empty() {
        return message.to_owned();
    }
    let between = if message.ends_with(['.', ':', '?', '!']) {
        " "
    } else {
        ": "
    };
    format!("{message}{between}{suggestion}")
}

fn paragraph(out: Out<'_>, text: &str) -> io::Result<()> {
    for (index, line) in wrap(&clean(text), PAGE_WIDTH - 4).iter().enumerate() {
        writeln!(out, "{}{line}", if index == 0 { "  " } else { "    " })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::width;

    fn printed(draw: impl FnOnce(Out<'_>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        draw(&mut out).expect("prints");
        String::from_utf8(out).expect("is text")
    }

    #[test]
    fn a_problem_says_where_what_and_how_it_should_stand() {
        let problem = Problem {
            rule: "number".into(),
            row: 7,
            column: "Amount".into(),
            value: "1.2.3".into(),
            message: "This is no number.".into(),
            suggestion: "Write it with one point.".into(),
            fix: "12.3".into(),
        };
        assert_eq!(
            line(&problem),
            "row 7, column Amount, \"1.2.3\": This is no number. Write it with one point. \
             (probably \"12.3\") [number]"
        );
        assert_eq!(
            sentence("it is empty", "send another"),
            "it is empty: send another"
        );
        let file = Problem {
            message: "It is empty.".into(),
            suggestion: "Send another.".into(),
            rule: "empty".into(),
            ..Problem::default()
        };
        assert_eq!(line(&file), "file: It is empty. Send another. [empty]");
    }

    #[test]
    fn answers_can_be_copied() {
        let answer = "--format \"Quoted on=DMY\"    # 03/04/2024 is the 3rd of April".to_owned();
        let question = Question {
            column: "Quoted on".into(),
            rule: "date_order".into(),
            text: "Is 03/04/2024 the 3rd of April or the 4th of March? ".repeat(3),
            answers: vec![answer.clone()],
        };
        let text = printed(|out| questions(out, &[question]));
        assert!(text.lines().any(|line| line.trim() == answer), "{text}");
        assert!(text.contains("[date_order]"), "{text}");
        assert!(text.lines().all(|line| width(line) <= PAGE_WIDTH), "{text}");
    }

    #[test]
    fn nothing_wrong_is_nothing_printed() {
        assert_eq!(printed(|out| problems(out, "problems", &[])), "");
        assert_eq!(printed(|out| questions(out, &[])), "");
        assert_eq!(printed(|out| totals(out, &[])), "");
    }
}
