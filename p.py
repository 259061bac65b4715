from pathlib import Path
p=Path("jitpam/pam_jit.py"); s=p.read_text()
s=s.replace("""            # If the caller ignores SIGCHLD, another process may get the initiator's process id as soon as it has ended. The person
            # may stop us before we have the descriptor, so it counts only if it is of a child of ours (THREATS P-19).
""","""            # If the caller ignores SIGCHLD, another process may get the initiator's process id as soon as it has ended. The user
            # may stop us before we have the descriptor, so it counts only if it is of a child of ours (THREATS P-19).
""")
p.write_text(s)
