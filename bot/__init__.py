"""paperboy: from digests of new papers to the alerts, mails, feeds and quizzes that each person asked for."""

__version__ = "0.1.0"
