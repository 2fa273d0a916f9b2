"""An executor with kinds of job that need no model."""

from lab.tasks import executor

if __name__ == "__main__":
    executor.KINDS |= {"drill": "drill", "chat": "drill_chat"}  # the folder of this script is on the path
    executor.main()
