package database_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// holdVariable makes this test binary a process that holds a database open until it is killed.
const holdVariable = "FF_TEST_HOLD_DATABASE"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdVariable); path != "" {
		hold(path)
	}
	os.Exit(m.Run())
}

func hold(path string) {
	if _, err := database.Lock(path); err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString("held\n")
	_, _ = os.Stdin.Read(make([]byte, 1)) // Until the test is over, should it not kill us.
	os.Exit(0)
}

func TestSpec02_S10_AnotherProcessHoldsTheLock(t *testing.T) {
	path := parse(t, filepath.Join(t.TempDir(), "x.db")).Path
	holder := exec.CommandContext(t.Context(), os.Args[0])
	holder.Env = append(os.Environ(), holdVariable+"="+path)
	_, err := holder.StdinPipe()
	require.NoError(t, err)
	output, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)

	_, err = database.Open(t.Context(), parse(t, path), settings(), migrate)
	requireOpenError(t, err, messages.OpenTransport, `sqlite database "`+path+`" is in use by another process`)
	var open *messages.OpenError
	require.ErrorAs(t, err, &open)
	require.True(t, open.Retryable())
	require.NoFileExists(t, path)

	require.NoError(t, holder.Process.Kill())
	require.Error(t, holder.Wait())
	db, err := database.Open(t.Context(), parse(t, path), settings(), migrate)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func TestLock_SecondHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	release, err := database.Lock(path)
	require.NoError(t, err)
	_, err = database.Lock(path)
	require.ErrorContains(t, err, "is in use by another process")
	require.NoError(t, release())

	db, err := database.Open(t.Context(), parse(t, path), settings(), migrate)
	require.NoError(t, err)
	_, err = database.Lock(parse(t, path).Path)
	require.ErrorContains(t, err, "is in use by another process")
	require.NoError(t, db.Close())
	release, err = database.Lock(path)
	require.NoError(t, err)
	require.NoError(t, release())
}
